import owasp from '@stoplight/spectral-owasp-ruleset';

/**
 * The rules of OWASP for the description of an API. A rule that does not fit is switched off here by its name, with the
 * reason beside it; anything else that Spectral finds, warnings too, is a fault.
 */

/** What everybody may read, or what is protected by other means than an API key. */
const OPEN = [
  '/actuator/health',
  '/actuator/health/liveness',
  '/actuator/health/readiness',
  '/asyncapi.json',
  '/docs',
  '/docs/errors',
  '/health/liveness',
  '/health/readiness',
  '/openapi.json',
  '/schema.graphql',
  '/schemas/events/{type}/1',
  // A bearer token of its own, or an API key: `METRICS_TOKEN`.
  '/actuator/prometheus',
  '/metrics',
  // The signature of the provider or carrier.
  '/payments/webhooks/{provider}',
  '/webhooks/carriers/{name}',
  '/notifications/reports/twilio',
];

export default {
  extends: [owasp],
  rules: {
    // No page of another origin is let in, so no answer has a header that would.
    'owasp:api8:2023-define-cors-origin': 'off',
    // How many calls are left is said by every answer that was counted; described is it with 429, where it matters.
    'owasp:api4:2023-rate-limit': 'off',
    // Names, addresses and notes are free text; each has a limit, which another rule checks.
    'owasp:api4:2023-string-restricted': 'off',
    // The one server is whoever serves the document.
    'owasp:api9:2023-inventory-access': 'off',
  },
  overrides: OPEN.map((path) => ({
    files: [`**#/paths/${encodeURI(path.replaceAll('/', '~1'))}`],
    rules: {
      'owasp:api2:2023-read-restricted': 'off',
      'owasp:api2:2023-write-restricted': 'off',
      'owasp:api8:2023-define-error-responses-401': 'off',
    },
  })),
};
