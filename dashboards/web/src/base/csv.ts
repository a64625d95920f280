// Tables as CSV files of the person. A cell that a spreadsheet would run as a formula is made text.

export function cell(value: unknown): string {
  const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const inert = /^[=+\-@\t\r]/.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

export const csv = (columns: string[], rows: unknown[][]): string =>
  [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");

/** Gives the person a file; the mark at its start tells spreadsheets that it is UTF-8. */
export function download(name: string, text: string, type = "text/csv"): void {
  const url = URL.createObjectURL(new Blob(["\uFEFF", text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
