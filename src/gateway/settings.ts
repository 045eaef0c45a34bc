import {
  type Environment,
  isProduction,
  readSettings,
  type Settings,
  type Values,
} from '#platform/runtime/settings.ts';
import { consoleSettings } from './console/settings.ts';

/** More than two cores answer: it stops what runs wild, and no shop. */
export const RATE_LIMIT_DEFAULT = 5_000;

export const gatewaySettings = {
  bootstrapApiKey: {
    type: 'secret',
    env: 'OLMS_BOOTSTRAP_API_KEY',
    default: '',
    meaning:
      'An admin key that works from the first start, in production at least 32 characters; use it to create the others with POST /api-keys',
  },
  oidcIssuer: {
    type: 'string',
    env: 'OIDC_ISSUER',
    default: '',
    meaning:
      'OpenID Connect issuer whose tokens people and customers may call with, exactly as `iss` in them names it; empty: API keys alone open the API',
  },
  oidcAudience: {
    type: 'string',
    env: 'OIDC_AUDIENCE',
    default: '',
    meaning:
      'What `aud` of a token must name; required with OIDC_ISSUER, since a token for another program is not meant for us',
  },
  oidcJwksUrl: {
    type: 'string',
    env: 'OIDC_JWKS_URL',
    default: '',
    meaning: 'Where the issuer publishes its keys; empty: where `/.well-known/openid-configuration` of the issuer says',
  },
  oidcJwksRefreshMs: {
    type: 'integer',
    min: 1_000,
    max: 3_600_000,
    env: 'OIDC_JWKS_REFRESH_MS',
    default: 60_000,
    meaning:
      'How often the keys of the issuer are read again. No token causes that, so one that is signed with a newer key is refused until then',
  },
  oidcRolesClaim: {
    type: 'string',
    env: 'OIDC_ROLES_CLAIM',
    default: 'roles',
    meaning:
      'Claim of a token with roles and permissions: a list, or a text with spaces; `realm_access.roles` names one inside of objects',
  },
  oidcCustomerClaim: {
    type: 'string',
    env: 'OIDC_CUSTOMER_CLAIM',
    default: 'sub',
    meaning: 'Claim of a token with the `customerId` of who has the role `customer`',
  },
  oidcNameClaim: {
    type: 'string',
    env: 'OIDC_NAME_CLAIM',
    default: 'sub',
    meaning: 'Claim of a token that says who somebody is in events and audit entries; one that its owner cannot change',
  },
  ...consoleSettings,
  rateLimitPerSecond: {
    type: 'integer',
    env: 'RATE_LIMIT_PER_SECOND',
    default: RATE_LIMIT_DEFAULT,
    meaning:
      'Calls of one API key or person in any second, as many at once, over all gateways that share a Redis (each gateway counts by itself while none of the limits is set); a GraphQL document counts as a call for each 50 of its cost. 0: no limit',
  },
  rateLimitOperatorPerSecond: {
    type: 'integer',
    env: 'RATE_LIMIT_OPERATOR_PER_SECOND',
    default: RATE_LIMIT_DEFAULT,
    meaning: 'The same of one with the role `operator` or `admin`; by default what RATE_LIMIT_PER_SECOND says',
  },
  rateLimitCustomerPerSecond: {
    type: 'integer',
    env: 'RATE_LIMIT_CUSTOMER_PER_SECOND',
    default: 500,
    meaning: 'The same of one customer, with whichever keys and tokens',
  },
  rateLimitAddressPerSecond: {
    type: 'integer',
    env: 'RATE_LIMIT_ADDRESS_PER_SECOND',
    default: 1_000,
    meaning:
      'The same of one address without a key, with IPv6 one network: webhooks, this documentation. Health and metrics are never counted',
  },
  streamClientsMax: {
    type: 'integer',
    env: 'STREAM_CLIENTS_MAX',
    default: 500,
    meaning: 'Clients of GET /stream that one process serves before more are refused with 503',
  },
  streamClientsPerKeyMax: {
    type: 'integer',
    min: 1,
    env: 'STREAM_CLIENTS_PER_KEY_MAX',
    default: 50,
    meaning: 'The same of one API key, refused with 429: no key takes the places of all others',
  },
  streamAgeMaxMs: {
    type: 'integer',
    min: 1_000,
    env: 'STREAM_AGE_MAX_MS',
    default: 3_600_000,
    meaning: 'How long one answer of GET /stream lasts; then it ends, and a client goes on with a new one where it was',
  },
  graphqlDepthMax: {
    type: 'integer',
    min: 1,
    max: 50,
    env: 'GRAPHQL_DEPTH_MAX',
    default: 15,
    meaning: 'Levels of a GraphQL document; a deeper one is refused before anything of it is executed',
  },
  graphqlAliasesMax: {
    type: 'integer',
    env: 'GRAPHQL_ALIASES_MAX',
    default: 50,
    meaning: 'Aliases and repeated fields of a GraphQL document, fragments counted wherever they are spread',
  },
  graphqlDirectivesMax: {
    type: 'integer',
    env: 'GRAPHQL_DIRECTIVES_MAX',
    default: 50,
    meaning: 'Directives of a GraphQL document',
  },
  graphqlTokensMax: {
    type: 'integer',
    min: 100,
    max: 10_000,
    env: 'GRAPHQL_TOKENS_MAX',
    default: 2_000,
    meaning: 'Words and signs of a GraphQL document',
  },
  graphqlCostMax: {
    type: 'integer',
    min: 1,
    env: 'GRAPHQL_COST_MAX',
    default: 5_000,
    meaning: 'Objects that a GraphQL document may ask for: `first` times what is asked of each entry, without it 50',
  },
  graphqlIntrospection: {
    type: 'choice',
    choices: ['on', 'off', ''],
    env: 'GRAPHQL_INTROSPECTION',
    default: '',
    meaning:
      'Whether the GraphQL schema can be asked for and errors suggest its names; by default not in production. It is also in docs/api/schema.graphql',
  },
  graphqlAllowedQueries: {
    type: 'string',
    env: 'GRAPHQL_ALLOWED_QUERIES',
    default: '',
    meaning:
      'File with the only GraphQL documents that are executed: a JSON object of documents by their SHA-256; by default every document is',
  },
} as const satisfies Settings;

const BOOTSTRAP_KEY_LENGTH_MIN = 32;

/** The settings in force; throws for a bootstrap key that could be guessed, where that matters, and for an issuer whose tokens anybody could make, or that are for others. */
export function gatewayConfig(env: Environment): Values<typeof gatewaySettings> {
  const config = readSettings(gatewaySettings, env);
  checkIssuer(config, isProduction(env));
  const { length } = config.bootstrapApiKey;
  if (length > 0 && length < BOOTSTRAP_KEY_LENGTH_MIN && isProduction(env))
    throw new Error(
      `Configuration: OLMS_BOOTSTRAP_API_KEY must have at least ${BOOTSTRAP_KEY_LENGTH_MIN} characters in production. Make one with: openssl rand -base64 32`,
    );
  return config;
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

function checkIssuer(
  {
    oidcIssuer,
    oidcAudience,
    oidcJwksUrl,
  }: Pick<Values<typeof gatewaySettings>, 'oidcIssuer' | 'oidcAudience' | 'oidcJwksUrl'>,
  production: boolean,
): void {
  if (oidcIssuer === '') {
    if (oidcAudience !== '' || oidcJwksUrl !== '')
      throw new Error('Configuration: set OIDC_ISSUER, too: without it no token is accepted');
    return;
  }
  if (oidcAudience === '')
    throw new Error(
      'Configuration: set OIDC_AUDIENCE to what the issuer calls this API: without it, tokens for other programs would open it',
    );
  for (const [name, url] of [
    ['OIDC_ISSUER', oidcIssuer],
    ['OIDC_JWKS_URL', oidcJwksUrl],
  ] as const) {
    if (url === '') continue;
    const { protocol = '', hostname = '' } = URL.canParse(url) ? new URL(url) : {};
    if (protocol !== 'https:' && protocol !== 'http:')
      throw new Error(
        `Configuration: ${name} must be a URL, such as https://login.example.com/, not ${JSON.stringify(url)}`,
      );
    if (production && protocol !== 'https:' && !LOOPBACK.has(hostname))
      throw new Error(
        `Configuration: ${name} must be https in production: whoever answers in its place lets anybody in`,
      );
  }
}
