import { join } from 'node:path';
import type { Cache } from '#platform/cache/cache.ts';
import { trackingLinks } from '#platform/http/signed-links.ts';
import { type Environment, isProduction, readSettings } from '#platform/runtime/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { ApiKeys } from './api-keys.ts';
import { gatewayDiagnosis } from './diagnosis.ts';
import { Callers } from './callers.ts';
import { Attempts } from './console/attempts.ts';
import { CONSOLE_FOLDER, consoleFiles } from './console/files.ts';
import { IssuerSignIn } from './console/issuer.ts';
import { Challenges, challengeSecret, Passkeys } from './console/passkeys.ts';
import { consoleRoutes } from './console/routes.ts';
import { type Bearing, Sessions } from './console/sessions.ts';
import { graphqlRoutes } from './graphql/routes.ts';
import { gatewayConfig, gatewaySettings } from './settings.ts';
import { RateLimits } from './rate-limit.ts';
import { meRoute } from './me.ts';
import { apiKeyRoutes } from './routes.ts';
import { streamRoutes } from './stream-routes.ts';
import { Stream } from './stream.ts';
import { Tokens } from './tokens.ts';
import { trackingRoutes } from './tracking/routes.ts';

/** The front door: who may call. The routes behind it belong to the services. */
export const gateway: ServiceDefinition = {
  name: 'gateway',
  summary: 'The front door: who may call, and live events',
  tags: [
    { name: 'graphql', description: 'The same operations as a graph' },
    { name: 'api keys', description: 'Who may call, and what' },
  ],
  frontDoor: true,
  needs: ['customersOfOrders'],
  migrations: join(import.meta.dirname, 'migrations'),
  settings: gatewaySettings,
  diagnosis: gatewayDiagnosis,
  standIns: (env) =>
    gatewayConfig(env).bootstrapApiKey === ''
      ? ['API keys: none but those made before; to make the first, set OLMS_BOOTSTRAP_API_KEY']
      : [],
  create({ env, database, bus, cache, logger, metrics, publicUrl = () => '', adminKey = '' }) {
    const config = gatewayConfig(env);
    const keys = new ApiKeys(database, config.bootstrapApiKey || adminKey, isProduction(env));
    const tokens =
      config.oidcIssuer === ''
        ? undefined
        : new Tokens({
            issuer: config.oidcIssuer,
            audience: config.oidcAudience,
            jwksUrl: config.oidcJwksUrl,
            rolesClaim: config.oidcRolesClaim,
            customerClaim: config.oidcCustomerClaim,
            nameClaim: config.oidcNameClaim,
            refreshMs: config.oidcJwksRefreshMs,
            logger,
          });
    const sessions = new Sessions(
      database,
      { idleMs: config.consoleSessionIdleMs, maxMs: config.consoleSessionMaxMs },
      publicUrl,
    );
    const issuer =
      tokens && config.oidcClientId !== ''
        ? new IssuerSignIn({
            issuer: config.oidcIssuer,
            clientId: config.oidcClientId,
            clientSecret: config.oidcClientSecret,
            scope: config.oidcScope,
          })
        : undefined;
    const callers = new Callers(keys, tokens, sessions);
    const stream = new Stream({
      bus,
      cache,
      logger,
      metrics,
      clientsMax: config.streamClientsMax,
      clientsPerKeyMax: config.streamClientsPerKeyMax,
      ageMaxMs: config.streamAgeMaxMs,
      publicUrl,
    });
    return {
      authenticate: (request, beforeLookup) => callers.authenticate(request, beforeLookup),
      checks: () => ({
        stream: { ...stream.healthy(), optional: true },
        ...(tokens && { tokens: tokens.healthy() }),
      }),
      routes(app) {
        const limits = rateLimits(env, config, cache);
        limits.limit(app);
        meRoute(app);
        apiKeyRoutes(app, keys);
        trackingRoutes(app, { links: trackingLinks(env), publicUrl });
        consoleRoutes(app, {
          database,
          sessions,
          passkeys: new Passkeys(database, new Challenges(challengeSecret(env))),
          attempts: new Attempts(),
          issuer,
          tokens,
          linkMs: config.consoleLinkMs,
          traceUrl: config.consoleTraceUrl,
          publicUrl,
        });
        consoleFiles(app, { folder: CONSOLE_FOLDER, https: () => sessions.secure, logger });
        const authenticate = (request: Bearing): ReturnType<Callers['authenticate']> => callers.authenticate(request);
        streamRoutes(app, stream, authenticate);
        graphqlRoutes(app, {
          stream,
          logger,
          authenticate,
          charge: limits.charge,
          depthMax: config.graphqlDepthMax,
          aliasesMax: config.graphqlAliasesMax,
          directivesMax: config.graphqlDirectivesMax,
          tokensMax: config.graphqlTokensMax,
          costMax: config.graphqlCostMax,
          introspection: config.graphqlIntrospection === '' ? !isProduction(env) : config.graphqlIntrospection === 'on',
          allowedQueries: config.graphqlAllowedQueries,
        });
      },
      start: async () => tokens?.start(),
      async stop() {
        await tokens?.stop();
        await stream.close();
      },
    };
  },
};

/** Counting together costs every call a way to Redis, which nobody asked for who set none of the limits. */
function rateLimits(env: Environment, config: ReturnType<typeof gatewayConfig>, cache: Cache | undefined): RateLimits {
  const { rateLimitPerSecond: key } = config;
  const { operator } = readSettings({ operator: { ...gatewaySettings.rateLimitOperatorPerSecond, default: key } }, env);
  const rates = {
    key,
    operator,
    customer: config.rateLimitCustomerPerSecond,
    address: config.rateLimitAddressPerSecond,
  };
  const asked = Object.values(gatewaySettings).some(
    (setting) => setting.env.startsWith('RATE_LIMIT_') && env[setting.env],
  );
  return new RateLimits(rates, asked ? cache : undefined);
}
