import type { Text } from '../en.ts';

export const parked: Text['parked'] = {
  title: 'Geparkt',
  loaded: (count, more) => `${count}${more ? '+' : ''} geparkt`,
  emptyTitle: 'Nichts Geparktes passt',
  emptyHelp: 'Nehmen Sie einen Filter weg, um mehr zu sehen.',
  emptyAll: 'Nichts ist geparkt',
  emptyAllHelp:
    'Ein Ereignis, das ein Dienst nicht aufnehmen kann, wartet hier, und mit ihm, was von seiner Bestellung folgt. Alle anderen Bestellungen gehen weiter.',
  search: 'Bestellung, Kunde, E-Mail',
  order: 'Bestellung',
  consumer: 'Dienst',
  event: 'Ereignis',
  reason: 'Grund',
  reasonHint: 'Teil des Grundes oder das Ereignis',
  noReason: 'kein Grund angegeben',
  waiting: 'Ereignisse',
  since: 'Seit',
  select: (consumer, order) => `${consumer} der Bestellung ${order} auswählen`,
  retry: 'Wiederholen',
  retryMany: (count) => `${count} wiederholen`,
  retryAlike: (count) => `Alle ${count} mit diesem Grund wiederholen`,
  skip: 'Ereignis auslassen',
  willRetry:
    'Nimmt das Ereignis noch einmal auf, und dann, was dahinter wartet. Scheitert es wieder, bleibt es geparkt.',
  willSkip: (type, consumer) =>
    `${consumer} lässt ${type} endgültig aus, auch wenn es noch einmal gelesen wird. Was dahinter wartet, wird aufgenommen.`,
  why: 'Grund (steht mit Ihrem Namen im Protokoll)',
  gone: 'Es ist nicht mehr geparkt',
  goneHelp: 'Jemand hat inzwischen darüber entschieden, oder es wurde aufgenommen.',
  toOrder: 'Zur Bestellung',
  whyParked: (consumer) => `${consumer} konnte dieses Ereignis nicht aufnehmen`,
  behind: (count) =>
    count === 1
      ? 'Ein weiteres Ereignis dieser Bestellung wartet dahinter.'
      : `${count} weitere Ereignisse dieser Bestellung warten dahinter.`,
  whatToDo: 'Was zu tun ist',
  adviceRetry:
    'Wiederholen, wenn die Ursache behoben ist: Etwas war kurz nicht erreichbar, oder eine Version, die es behebt, ist da.',
  adviceEdit: 'Auf der Seite der Bestellung ändern, was es sagt, wenn das der Fehler ist.',
  adviceSkip: 'Nur auslassen, wenn die Bestellung ohne es stimmt.',
  lost: {
    orders: 'Die Bestellung bleibt dann, wie sie ist.',
    inventory: 'Ware wird dafür dann weder reserviert noch freigegeben: Zählen Sie nach.',
    payments: 'Geld wird dafür dann weder verlangt noch zurückgegeben: Sehen Sie beim Anbieter nach.',
    shipping: 'Pakete werden dafür dann weder geplant noch angehalten.',
    reviews: 'Die Bestellung wird dafür dann nicht geprüft.',
    notifications: 'Der Kunde erfährt dann nichts davon.',
    billing: 'Es gibt dafür dann keine Rechnung oder Gutschrift.',
  },
  eventSays: 'Was das Ereignis sagt',
};
