import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  parseSearchWith,
  stringifySearchWith,
} from '@tanstack/react-router';
import { Missing, Shell } from './shell/shell.tsx';
import { SessionProvider } from './session.tsx';
import { Welcome } from './shell/sign-in.tsx';

/** Pages by their addresses. Each is loaded when somebody goes there. */

/** What stands in an address, as texts; what is empty is left out. */
function texts(search: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(search).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, String(value as string)]],
    ),
  );
}

const root = createRootRoute({ component: Outlet, notFoundComponent: Missing });
const welcome = createRoute({ getParentRoute: () => root, path: '/welcome', component: Welcome });
const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  component: () => (
    <SessionProvider>
      <Shell />
    </SessionProvider>
  ),
});
const overview = createRoute({
  getParentRoute: () => inside,
  path: '/',
  component: lazyRouteComponent(() => import('./overview/overview.tsx'), 'Overview'),
});
const orders = createRoute({
  getParentRoute: () => inside,
  path: '/orders',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./orders/orders.tsx'), 'Orders'),
});
const order = createRoute({
  getParentRoute: () => inside,
  path: '/orders/$id',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./order/order.tsx'), 'OrderPage'),
});
const reviews = createRoute({
  getParentRoute: () => inside,
  path: '/reviews',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./reviews/reviews.tsx'), 'Reviews'),
});

const inventory = createRoute({
  getParentRoute: () => inside,
  path: '/inventory',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./inventory/inventory.tsx'), 'Inventory'),
});
const product = createRoute({
  getParentRoute: () => inside,
  path: '/inventory/$sku',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./inventory/product.tsx'), 'Product'),
});
const payments = createRoute({
  getParentRoute: () => inside,
  path: '/payments',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./payments/payments.tsx'), 'Payments'),
});
const parked = createRoute({
  getParentRoute: () => inside,
  path: '/parked',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./parked/parked.tsx'), 'Parked'),
});
const messages = createRoute({
  getParentRoute: () => inside,
  path: '/messages',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./messages/messages.tsx'), 'Messages'),
});

const warehouse = createRoute({
  getParentRoute: () => inside,
  path: '/warehouse',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./warehouse/warehouse.tsx'), 'Warehouse'),
});
const pick = createRoute({
  getParentRoute: () => inside,
  path: '/warehouse/pick',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./warehouse/pick.tsx'), 'PickListPage'),
});
const dispatch = createRoute({
  getParentRoute: () => inside,
  path: '/warehouse/dispatch',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./warehouse/dispatch.tsx'), 'Dispatch'),
});
const returns = createRoute({
  getParentRoute: () => inside,
  path: '/warehouse/returns',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./warehouse/returns.tsx'), 'Returns'),
});
const settings = createRoute({
  getParentRoute: () => inside,
  path: '/settings',
  component: lazyRouteComponent(() => import('./settings/settings.tsx'), 'Settings'),
});
const settingsPart = createRoute({
  getParentRoute: () => inside,
  path: '/settings/$part',
  component: lazyRouteComponent(() => import('./settings/settings.tsx'), 'Settings'),
});
const audit = createRoute({
  getParentRoute: () => inside,
  path: '/audit',
  validateSearch: texts,
  component: lazyRouteComponent(() => import('./audit/audit.tsx'), 'Audit'),
});

/** Addresses stay readable: `?status=PAID,SHIPPED`. */
export const router = createRouter({
  routeTree: root.addChildren([
    welcome,
    inside.addChildren([
      overview,
      orders,
      order,
      inventory,
      product,
      reviews,
      payments,
      warehouse,
      pick,
      dispatch,
      returns,
      settings,
      settingsPart,
      parked,
      messages,
      audit,
    ]),
  ]),
  basepath: '/console',
  parseSearch: parseSearchWith((value) => value),
  stringifySearch: stringifySearchWith(String),
  defaultPreload: 'intent',
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
