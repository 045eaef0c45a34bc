/** What can be asked of the list of stock. */
export const STOCK = {
  list: 'stock',
  path: '/stock',
  parameters: { several: ['location'], single: ['text', 'availableMax', 'short', 'waiting'] },
} as const;

/** So few are few. */
export const FEW = [5, 20] as const;
