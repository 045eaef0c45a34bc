import type { Attributes } from '@opentelemetry/api';
import { type Environment, readSettings, type Settings, type Values } from '#platform/runtime/settings.ts';
import { startTracing, type Tracing } from '#platform/telemetry/tracing.ts';

/** The settings of traces, under the names of OpenTelemetry's standard. */

export const tracingSettings = {
  endpoint: {
    type: 'string',
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    default: '',
    meaning:
      'Where traces are sent by OTLP over HTTP, such as http://collector:4318; empty: no traces. The other OTEL_EXPORTER_OTLP_* of the standard (headers, timeout, compression, certificates) are honored, too',
  },
  tracesEndpoint: {
    type: 'string',
    env: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    default: '',
    meaning: 'The same, as the whole URL for traces alone',
  },
  disabled: {
    type: 'boolean',
    env: 'OTEL_SDK_DISABLED',
    default: false,
    meaning: 'true: no traces, whatever else is set',
  },
  serviceName: {
    type: 'string',
    env: 'OTEL_SERVICE_NAME',
    default: '',
    meaning: 'Name of this process in traces; empty: olms-<service>, or olms where it runs several',
  },
  resourceAttributes: {
    type: 'string',
    env: 'OTEL_RESOURCE_ATTRIBUTES',
    default: '',
    meaning: 'What traces say of this process, such as deployment.environment.name=production',
  },
  sampler: {
    type: 'choice',
    choices: [
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ],
    env: 'OTEL_TRACES_SAMPLER',
    default: 'parentbased_always_on',
    meaning:
      'Which traces are recorded. With all of them, a collector can keep what failed or was slow (deploy/ has one that does)',
  },
  samplerArgument: {
    type: 'string',
    env: 'OTEL_TRACES_SAMPLER_ARG',
    default: '1',
    meaning: 'Share of traces that the samplers with traceidratio record, from 0 to 1',
  },
  delayMs: {
    type: 'integer',
    min: 1,
    env: 'OTEL_BSP_SCHEDULE_DELAY',
    default: 5_000,
    meaning: 'Spans are sent this often, in milliseconds',
  },
  queueMax: {
    type: 'integer',
    min: 1,
    env: 'OTEL_BSP_MAX_QUEUE_SIZE',
    default: 8_192,
    meaning: 'Spans that wait to be sent; more are dropped',
  },
  batchMax: {
    type: 'integer',
    min: 1,
    env: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
    default: 1_024,
    meaning: 'Spans that are sent at once',
  },
  exportTimeoutMs: {
    type: 'integer',
    min: 1,
    env: 'OTEL_BSP_EXPORT_TIMEOUT',
    default: 30_000,
    meaning: 'Limit for sending spans once, in milliseconds',
  },
} as const satisfies Settings;

type TracingConfig = Values<typeof tracingSettings>;

/** Begins tracing, where the settings name an endpoint. `name` and `version` are those of this process. */
export async function openTracing(env: Environment, name: string, version: string): Promise<Tracing | undefined> {
  const config = readSettings(tracingSettings, env);
  const url = tracesUrl(config);
  if (url === undefined) return undefined;
  const ratio = Number(config.samplerArgument);
  if (!(ratio >= 0 && ratio <= 1))
    throw new Error(
      `Configuration: OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not ${JSON.stringify(config.samplerArgument)}`,
    );
  const resource = {
    'service.version': version,
    'process.pid': process.pid,
    ...attributesOf(config.resourceAttributes),
    'service.name': config.serviceName || name,
  };
  return startTracing({ ...config, url, version, ratio, resource });
}

/** Where spans go: the URL of the endpoint for traces; undefined where tracing is off. Throws for what is no URL. */
function tracesUrl({ endpoint, tracesEndpoint, disabled }: TracingConfig): string | undefined {
  if (disabled || (endpoint === '' && tracesEndpoint === '')) return undefined;
  const text = tracesEndpoint || `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? ''))
    throw new Error(
      `Configuration: ${tracesEndpoint ? 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT' : 'OTEL_EXPORTER_OTLP_ENDPOINT'} must be a URL such as http://collector:4318, not ${JSON.stringify(tracesEndpoint || endpoint)}`,
    );
  return text;
}

/** `key=value` pairs with commas between, as OTEL_RESOURCE_ATTRIBUTES has them; percent-encoded. */
function attributesOf(text: string): Attributes {
  const attributes: Attributes = {};
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    if (at <= 0) continue;
    try {
      attributes[pair.slice(0, at).trim()] = decodeURIComponent(pair.slice(at + 1).trim());
    } catch (error) {
      throw new Error(`Configuration: OTEL_RESOURCE_ATTRIBUTES is not percent-encoded: ${JSON.stringify(pair)}`, {
        cause: error,
      });
    }
  }
  return attributes;
}
