// Icons are paths on a 16 × 16 grid, drawn in the text's colour.
const paths = {
  plus: "M8 3v10M3 8h10",
  send: "M8 13V3M4 7l4-4 4 4",
  stop: "M4.5 4.5h7v7h-7z",
  pause: "M6 4v8M10 4v8",
  play: "M5 3.5l7 4.5-7 4.5z",
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4 4l8 8M12 4l-8 8",
  up: "M4 10l4-4 4 4",
  down: "M4 6l4 4 4-4",
  folder: "M2 4.5h4l1.5 1.5H14v6.5H2z",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  undo: "M6 4L3 7l3 3M3 7h6.5a3 3 0 010 6H7",
  alert: "M8 2.5L14.5 13.5H1.5zM8 6.5v3M8 11.5v.3",
  lock: "M4.5 7.5h7v6h-7zM6 7.5V5.5a2 2 0 014 0v2",
  agent: "M8 2.5a2.5 2.5 0 110 5 2.5 2.5 0 010-5zM3 13.5c.5-3 2.5-4 5-4s4.500 1 5 4",
  menu: "M2.500 4h11M2.500 8h11M2.500 12h11",
  panel: "M2 3h12v10H2zM10 3v10",
  edit: "M3 13l.5-2.500L11 3l2 2-7.500 7.500z",
  question: "M5.500 6a2.500 2.500 0 115 0c0 1.500-2.500 1.800-2.500 3.500M8 12v.3",
  download: "M8 2.500v8M4.500 7.500l3.500 3.500 3.500-3.500M3 13.500h10",
  skip: "M4 8h8",
  now: "M3 8h9M9 4.500L12.500 8 9 11.500",
};

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
