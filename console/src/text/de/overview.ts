import type { Text } from '../en.ts';

export const overview: Text['overview'] = {
  title: 'Überblick',
  lifecycle: 'Wo die Bestellungen sind',
  needs: 'Braucht jemanden',
  nothingStuck: 'Nichts wartet auf einen Menschen',
  nothingStuckHelp: 'Was hängen bleibt, steht hier, mit dem Grund.',
  placedMinute: 'In der letzten Minute bestellt',
  placedHour: 'In der letzten Stunde bestellt',
  total: 'Bestellungen insgesamt',
  events: 'Ereignisse pro Sekunde',
  overdue: 'Überfällig',
  held: 'Gesperrt',
  reviews: 'In Prüfung',
  parked: 'Geparkt',
  health: 'Gesundheit',
  ok: 'Alles antwortet',
  problems: (count) => `${count} ${count === 1 ? 'Teil hat' : 'Teile haben'} ein Problem`,
  oldest: (age) => `älteste ${age}`,
  showAll: 'Alle zeigen',
  live: 'Live',
  paused: 'Nicht verbunden',
};
