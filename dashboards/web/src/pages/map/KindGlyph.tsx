// What a node is, as a sign in its disc.
const PATHS: Record<string, string> = {
  service: "M12 3l8 4.500v9L12 21l-8-4.500v-9z",
  operation: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  database: "M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6",
  cache: "M13 2L5 13h6l-1 9 8-11h-6z",
  queue: "M3 7h18v10H3zM9 7v10M15 7v10",
  third_party: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c5 5 5 13 0 18-5-5-5-13 0-18",
  host: "M3 4h18v12H3zM8 20h8M12 16v4",
  node: "M4 4h16v6H4zM4 14h16v6H4zM8 7h.5M8 17h.5",
  pod: "M12 3l8 4.500v9L12 21l-8-4.500v-9zM12 12l8-4.500M12 12v9M12 12L4 7.5",
  instance: "M12 3l8 4.500v9L12 21l-8-4.500v-9zM12 12l8-4.500M12 12v9M12 12L4 7.5",
  device: "M3 14h18v6H3zM7 17h.5M12 14V8M8 6a6 6 0 0 1 8 0",
  site: "M4 10l2-6h12l2 6M5 10v10h14V10M10 20v-5h4v5",
  namespace: "M3 7l9-4 9 4-9 4zM3 12l9 4 9-4M3 17l9 4 9-4",
  team: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21a7 7 0 0 1 14 0M17 4a4 4 0 0 1 0 7M19 15a6 6 0 0 1 3 6",
};

export function KindGlyph({ kind, size }: { kind: string; size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={2} strokeLinejoin="round" strokeLinecap="round" aria-hidden="true">
      <path d={PATHS[kind] ?? "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z"} />
    </svg>
  );
}
