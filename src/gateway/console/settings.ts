import type { Settings } from '#platform/runtime/settings.ts';

/** Settings of the console: how long somebody stays signed in, and how they sign in with an issuer. */
export const consoleSettings = {
  consoleSessionIdleMs: {
    type: 'integer',
    min: 60_000,
    env: 'CONSOLE_SESSION_IDLE_MS',
    default: 7_200_000,
    meaning: 'A session of the console ends after so long without a call',
  },
  consoleSessionMaxMs: {
    type: 'integer',
    min: 60_000,
    env: 'CONSOLE_SESSION_MAX_MS',
    default: 43_200_000,
    meaning: 'A session of the console ends so long after the sign-in, whatever is done in it',
  },
  consoleLinkMs: {
    type: 'integer',
    min: 60_000,
    env: 'CONSOLE_LINK_MS',
    default: 3_600_000,
    meaning: 'How long a link is good with which somebody chooses a password for the console',
  },
  consoleTraceUrl: {
    type: 'string',
    env: 'CONSOLE_TRACE_URL',
    default: '',
    meaning:
      'Where people look at the trace of an order, with `{traceId}` in it, such as https://jaeger.example.com/trace/{traceId}; empty: the console shows the id',
  },
  oidcClientId: {
    type: 'string',
    env: 'OIDC_CLIENT_ID',
    default: '',
    meaning:
      'What the issuer calls the console; with OIDC_ISSUER it lets people sign in to the console there. Register `<OLMS_PUBLIC_URL>/console/session/issuer/callback` as its redirect address',
  },
  oidcClientSecret: {
    type: 'secret',
    env: 'OIDC_CLIENT_SECRET',
    default: '',
    meaning: 'Secret of that client, where the issuer gave it one; without it the client is a public one, with PKCE',
  },
  oidcScope: {
    type: 'string',
    env: 'OIDC_SCOPE',
    default: 'openid profile',
    meaning: 'What the console asks the issuer for; the access token must have OIDC_AUDIENCE and the roles in it',
  },
} as const satisfies Settings;
