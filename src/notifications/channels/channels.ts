import type { NotificationsConfig } from '#notifications/settings.ts';
import type { ChannelAdapter, ChannelName, OutgoingMessage } from './port.ts';
import { smtpChannel } from './smtp.ts';
import { twilioChannel } from './twilio.ts';
import { webPushChannel } from './web-push.ts';
import type { PushSubscription } from './web-push-crypto.ts';

/** The channels that the settings have an adapter for; what belongs to any other stays in the mailbox. */
export function carriedChannels({ smtp, twilio, vapid }: NotificationsConfig): ReadonlySet<ChannelName> {
  const carried: (ChannelName | undefined)[] = [smtp && 'email', twilio && 'sms', vapid && 'push'];
  return new Set(carried.filter((name) => name !== undefined));
}

export interface ChannelDependencies {
  readonly subscriptionsOf: (message: OutgoingMessage) => Promise<readonly PushSubscription[]>;
  readonly forget: (endpoint: string) => Promise<void>;
  readonly nowMs: () => number;
}

/** The adapters of these channels. */
export function openChannels(
  { smtp, twilio, vapid, pushServices }: NotificationsConfig,
  dependencies: ChannelDependencies,
): ChannelAdapter[] {
  return [
    ...(smtp ? [smtpChannel(smtp)] : []),
    ...(twilio ? [twilioChannel(twilio)] : []),
    ...(vapid ? [webPushChannel({ vapid, services: pushServices, ...dependencies })] : []),
  ];
}
