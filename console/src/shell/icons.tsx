import type { ReactNode } from 'react';

/** The few icons there are, as lines of 24 by 24. They stand beside words, so screen readers skip them. */

const LINES = {
  overview: 'M4 13h6V4H4zM14 20h6V4h-6zM4 20h6v-3H4z',
  orders: 'M6 3h12l2 5v13H4V8zM4 8h16M9 12h6',
  inventory: 'M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8',
  warehouse: 'M3 9l9-5 9 5v11H3zM7 20v-8h10v8M7 16h10',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16.5 16.5L21 21',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M4 21c0-4 3.6-6 8-6s8 2 8 6',
  keyboard: 'M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M8 14h8',
  docs: 'M6 3h9l4 4v14H6zM14 3v5h5M9 13h6M9 17h6',
  back: 'M15 5l-7 7 7 7',
  forward: 'M9 5l7 7-7 7',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 4v6M8 14v6',
  refresh: 'M20 11a8 8 0 1 0-2 6M20 4v7h-7',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  filter: 'M4 5h16l-6 8v6l-4-2v-4z',
  more: 'M6 9l6 6 6-6',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  reviews: 'M4 5h16v11H9l-5 4zM8.5 10.5l2.5 2.5 4.5-5',
  payments: 'M3 6h18v12H3zM3 10h18M7 15h4',
  parked: 'M6 4h12v16l-6-4-6 4zM12 8v3M12 13.5h.01',
  messages: 'M3 6h18v12H3zM3 7l9 6 9-6',
  audit: 'M6 3h9l4 4v14H6zM9 12l2 2 4-4M9 17h6',
} as const;
export type IconName = keyof typeof LINES;

export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }): ReactNode {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={LINES[name]} />
    </svg>
  );
}
