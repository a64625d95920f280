// Our icons: strokes on a 24 grid in the colour of the text. They are decoration; words stand beside them.
const PATHS = {
  overview: "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z",
  map: "M6 7.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM18 14.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM6 21.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8.3 6l7.5 4.800M8.3 18l7.5-4.8",
  traces: "M3 5h9M7 10h10M10 15h11M10 20h5",
  logs: "M5 3h10l4 4v14H5zM9 9h6M9 13h6M9 17h4",
  metrics: "M3 20h18M4 16l5-6 4 3 7-8",
  sql: "M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3",
  operations: "M6 3v18M6 7h7M6 12h12M6 17h9",
  incidents: "M12 3l9.5 17h-19zM12 10v4M12 17v.5",
  rules: "M4 6h10M18 6h2M4 12h4M12 12h8M4 18h8M16 18h4M16 4v4M10 10v4M14 16v4",
  silences: "M6 9a6 6 0 0 1 9.5-4.900M18 9v4l2 4H8M10 20a2 2 0 0 0 4 0M3 3l18 18M6 9v4l-2 4",
  routes: "M4 12h5l4-6h7M9 12l4 6h7M17 3l3 3-3 3M17 15l3 3-3 3",
  connect: "M9 7V3M15 7V3M6 7h12v4a6 6 0 0 1-12 0zM12 17v4",
  health: "M3 12h4l3-8 4 16 3-8h4",
  demo: "M10 3h4M11 3v5l-5 9a3 3 0 0 0 2.6 4.500h6.800A3 3 0 0 0 18 17l-5-9V3M8 15h8",
  users: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21a7 7 0 0 1 14 0M17 4a4 4 0 0 1 0 7M19 15a6 6 0 0 1 3 6",
  experience: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8 14.500a4.8 4.8 0 0 0 8 0M9 9.500v.5M15 9.500v.5",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.500M17.5 17.500L19 19M5 19l1.5-1.500M17.5 6.500L19 5",
  moon: "M20 14.500A8.5 8.5 0 1 1 9.5 4 7 7 0 0 0 20 14.500z",
  language: "M3 5h10M8 3v2c0 5-2 8-5 10M5 9c1 3 4 5 7 6M12 21l4.5-11L21 21M13.5 17h6",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M4 12.500l5 5L20 6.5",
  close: "M5 5l14 14M19 5L5 19",
  pause: "M8 5v14M16 5v14",
  play: "M7 4l13 8-13 8z",
  menu: "M4 6h16M4 12h16M4 18h16",
  down: "M6 9l6 6 6-6",
  right: "M9 6l6 6-6 6",
  left: "M15 6l-6 6 6 6",
  refresh: "M20 11a8 8 0 0 0-14-4.500L3 9M3 4v5h5M4 13a8 8 0 0 0 14 4.500l3-2.500M21 20v-5h-5",
  download: "M12 4v11M7 11l5 5 5-5M4 20h16",
  external: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  code: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  change: "M12 3v18M12 3l5 5M12 3L7 8",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.500a2.5 2.5 0 1 1 3.5 2.300c-.7.4-1 .8-1 1.700M12 16.500v.5",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21a8 8 0 0 1 16 0",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14",
  plus: "M12 5v14M5 12h14",
  bolt: "M13 2L5 13h6l-1 9 8-11h-6z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
