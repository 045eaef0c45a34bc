import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import type { ChannelAdapter, OutgoingMessage } from '#notifications/channels/port.ts';

/** What every adapter of a channel keeps to, whatever is behind it. */

/** A message as whoever it was for got it. */
export interface Arrived {
  readonly recipient: string;
  readonly text: string;
  /** What a repeat is recognized by; absent where the adapter sees to it that none arrives. */
  readonly key?: string;
}

export interface ChannelWorld {
  readonly channel: ChannelAdapter;
  readonly recipient: string;
  arrived(): readonly Arrived[];
  /** The next message is refused. */
  refuse(how: 'for good' | 'for now'): void;
  /** The next message is taken, and the answer lost. */
  loseAnswer(): void;
  /** Takes the other side down, or brings it back. */
  outage(down: boolean): Promise<void>;
  /** False where there is not one other side but many, of which one that is away says nothing of the others. */
  readonly hasOneServer: boolean;
}

export function channelContract(world: () => ChannelWorld): void {
  const messageOf = (change: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
    id: uuidv7(),
    sending: 1,
    attempt: 1,
    orderId: uuidv7(),
    recipient: world().recipient,
    subject: 'On its way – «طلبك»',
    text: 'Your order K7M4-92QX-F is on its way. 📦 & <more>',
    language: 'en',
    createdAt: new Date().toISOString(),
    ...change,
  });

  describe(`a message`, () => {
    test('arrives as it was written', async () => {
      const { channel, recipient, arrived } = world();
      const message = messageOf();
      expect(await channel.send(message)).toMatchObject({ type: 'accepted' });
      expect(arrived()).toHaveLength(1);
      expect(arrived()[0]).toMatchObject({ recipient, text: message.text });
    });

    test('that is refused for good is not to be tried again, and one that is refused for now is', async () => {
      const { channel, recipient, refuse, arrived } = world();
      refuse('for good');
      const refused = await channel.send(messageOf());
      expect(refused).toMatchObject({ type: 'refused', reason: expect.any(String) });
      refuse('for now');
      const again = await channel.send(messageOf());
      expect(again).toMatchObject({ type: 'again', reason: expect.any(String) });
      expect(JSON.stringify([refused, again])).not.toContain(recipient);
      expect(arrived()).toEqual([]);
      expect(await channel.send(messageOf())).toMatchObject({ type: 'accepted' });
    });

    test('whose answer was lost arrives once: the repeat is recognized', async () => {
      const { channel, loseAnswer, arrived } = world();
      const message = messageOf();
      loseAnswer();
      expect(await channel.send(message)).toMatchObject({ type: 'again' });
      expect(await channel.send({ ...message, attempt: 2 })).toMatchObject({ type: 'accepted' });
      const keys = arrived().map(({ key }) => key ?? message.id);
      expect(new Set(keys).size).toBe(1);
      if (arrived().some(({ key }) => key === undefined)) expect(arrived()).toHaveLength(1);
    });

    test('that somebody asked for again is a message of its own', async () => {
      const { channel, arrived } = world();
      const message = messageOf();
      await channel.send(message);
      await channel.send({ ...message, sending: 2 });
      expect(arrived()).toHaveLength(2);
      const keys = arrived().map(({ key }, index) => key ?? String(index));
      expect(new Set(keys).size).toBe(2);
    });

    test('finds nobody while the other side is away, and arrives once it is back', async () => {
      const { channel, outage, arrived, hasOneServer } = world();
      await outage(true);
      const message = messageOf();
      expect((await channel.send(message)).type).toBe(hasOneServer ? 'unreachable' : 'again');
      await outage(false);
      expect(await channel.send(message)).toMatchObject({ type: 'accepted' });
      expect(arrived()).toHaveLength(1);
    });
  });
}
