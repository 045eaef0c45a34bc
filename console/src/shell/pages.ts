/** The pages that the menu, the palette and the keys lead to, and what one may do who sees them. */
export const PAGES = [
  { to: '/', name: 'overview', permission: 'dashboard:read', key: 'g' },
  { to: '/orders', name: 'orders', permission: 'orders:read', key: 'o' },
  { to: '/reviews', name: 'reviews', permission: 'reviews:read', key: 'v' },
  { to: '/payments', name: 'payments', permission: 'payments:read', key: 'm' },
  { to: '/inventory', name: 'inventory', permission: 'stock:read', key: 'i' },
  { to: '/warehouse', name: 'warehouse', permission: 'stock:read', key: 'w' },
  { to: '/messages', name: 'messages', permission: 'notifications:read', key: 'e' },
  { to: '/parked', name: 'parked', permission: 'parked:read', key: 'q' },
  { to: '/audit', name: 'audit', permission: 'audit:read', key: 'u' },
  { to: '/settings', name: 'settings', permission: 'me:read', key: 's' },
] as const;
