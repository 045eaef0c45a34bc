import { NOTIFICATIONS, ORDERS, PAYMENTS, SLA } from './business-dashboards.ts';
import type { Dashboard } from './panels.ts';
import { DATABASES, LOG, SERVICES } from './technical-dashboards.ts';

/** The dashboards for Grafana; grafana.ts draws them. */
export const DASHBOARDS: readonly Dashboard[] = [ORDERS, SERVICES, SLA, LOG, DATABASES, PAYMENTS, NOTIFICATIONS];
