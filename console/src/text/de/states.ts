import type { Text } from '../en.ts';

export const status: Text['status'] = {
  CREATED: 'Neu',
  BACKORDERED: 'Rückstand',
  RESERVED: 'Reserviert',
  PAYMENT_PENDING: 'Zahlung offen',
  PAID: 'Bezahlt',
  READY_FOR_SHIPMENT: 'Im Lager',
  PARTIALLY_SHIPPED: 'Teils versandt',
  SHIPPED: 'Versandt',
  COMPLETED: 'Abgeschlossen',
  REJECTED: 'Abgelehnt',
  PAYMENT_FAILED: 'Zahlung gescheitert',
  CANCELLED: 'Storniert',
};

export const paymentStatus: Text['paymentStatus'] = {
  NONE: 'Keine Zahlung',
  PENDING: 'Offen',
  REQUIRES_ACTION: 'Kunde muss bestätigen',
  AUTHORIZED: 'Reserviert',
  CAPTURED: 'Eingezogen',
  FAILED: 'Gescheitert',
  VOIDED: 'Freigegeben',
  PARTIALLY_REFUNDED: 'Teils erstattet',
  REFUNDED: 'Erstattet',
};

/** Of shipments and returns in lists. */
export const partStatus: Text['partStatus'] = {
  UNFULFILLED: 'Noch nichts',
  SCHEDULED: 'Geplant',
  PARTIALLY_SHIPPED: 'Teils versandt',
  SHIPPED: 'Versandt',
  DELIVERED: 'Zugestellt',
  CANCELLED: 'Storniert',
  REQUESTED: 'Angemeldet',
  RECEIVED: 'Eingetroffen',
  NONE: '',
};
