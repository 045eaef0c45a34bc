import type { Attributes, Link, Span, SpanContext } from '@opentelemetry/api';
import type { Sampler } from '@opentelemetry/sdk-trace';

/**
 * Traces, by OpenTelemetry. An order is one trace: the request that places it begins it, or goes on with the caller's;
 * every event carries the W3C trace context of the work that caused it, in the outbox and in Kafka's headers, and whoever
 * consumes it goes on from there, days later too.
 */

/** What a span is to its parent, in OpenTelemetry's words. */
export type Kind = 'server' | 'client' | 'consumer';

export interface TraceSpan {
  /** The W3C trace context for whatever this causes. */
  readonly traceparent: string;
  /** More about it, known only now. */
  set(attributes: Attributes): void;
  /** Ends it; with an error as failed. Of that only the code or the name is kept: a message may quote whatever was sent. */
  end(error?: Error): void;
}

export interface SpanOptions {
  readonly kind: Kind;
  /** W3C trace context of what caused it. Without one a new trace begins. */
  readonly parent?: string | undefined;
  readonly attributes?: Attributes;
  /** Trace contexts of what it handles together. */
  readonly links?: readonly string[];
}

export interface Tracing {
  /** Begins a span. In a trace that nobody records this costs next to nothing. */
  begin(name: string, options: SpanOptions): TraceSpan;
  /** Sends what is left, for a bounded time. */
  stop(): Promise<void>;
}

/** A W3C trace context of version 00, with its trace id, span id and flags. */
export const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const FLAGS_AT = 53;
const SAMPLED = 1;
/** Of what a batch handled together; the standard's limit for the links of a span. */
const LINKS_MAX = 128;
const STOP_PATIENCE_MS = 5_000;

/** Whether somebody records the trace of this context. */
export function isSampled(traceparent: string | undefined): traceparent is string {
  return traceparent !== undefined && (Number.parseInt(traceparent.slice(FLAGS_AT), 16) & SAMPLED) === SAMPLED;
}

function contextOf(traceparent: string | undefined): SpanContext | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  return traceId === undefined
    ? undefined
    : { traceId, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16), isRemote: true };
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

export interface TracingOptions {
  /** Where spans are sent, by OTLP over HTTP. */
  readonly url: string;
  /** What spans say of this process; `service.name` among it. */
  readonly resource: Attributes;
  readonly version: string;
  /** A name of OTEL_TRACES_SAMPLER. */
  readonly sampler: string;
  /** Share of traces that those with traceidratio record, from 0 to 1. */
  readonly ratio: number;
  /** Spans are sent this often, in milliseconds. */
  readonly delayMs: number;
  /** Spans that wait to be sent; more are dropped. */
  readonly queueMax: number;
  readonly batchMax: number;
  /** Limit for sending once, in milliseconds. */
  readonly exportTimeoutMs: number;
}

/** Begins tracing. The SDK is loaded here, so that a process without traces does without it. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { url, resource, version, queueMax } = options;
  const [{ ROOT_CONTEXT, SpanKind, SpanStatusCode, trace }, sdk, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const provider = new sdk.TracerProvider({
    sampler: samplerOf(options, sdk),
    resource: resources.resourceFromAttributes(resource),
    spanLimits: { linkCountLimit: LINKS_MAX },
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ url }),
        scheduledDelayMillis: options.delayMs,
        maxQueueSize: queueMax,
        maxExportBatchSize: Math.min(options.batchMax, queueMax),
        exportTimeoutMillis: options.exportTimeoutMs,
      }),
    ],
  });
  const tracer = provider.getTracer('olms', version);
  const kinds = {
    server: SpanKind.SERVER,
    client: SpanKind.CLIENT,
    consumer: SpanKind.CONSUMER,
  };
  const wrap = (span: Span): TraceSpan => ({
    traceparent: traceparentOf(span.spanContext()),
    set: (attributes) => void span.setAttributes(attributes),
    end(error) {
      if (error) {
        const type = (error as { code?: string }).code ?? error.name;
        span.setStatus({ code: SpanStatusCode.ERROR, message: type });
        span.setAttribute('error.type', type);
      }
      span.end();
    },
  });
  return {
    begin(spanName, { kind, parent, attributes, links = [] }) {
      // Only the root asks the sampler; whoever follows in a trace that is not recorded leaves no trace of its own.
      if (parent !== undefined && !isSampled(parent)) return unrecorded(parent);
      const context = contextOf(parent);
      const linked = links.slice(0, LINKS_MAX).flatMap((link): Link[] => {
        const other = contextOf(link);
        return other ? [{ context: other }] : [];
      });
      const span = tracer.startSpan(
        spanName,
        {
          kind: kinds[kind],
          attributes,
          links: linked,
        },
        context ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT,
      );
      return wrap(span);
    },
    async stop() {
      let patience: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (patience = setTimeout(resolve, STOP_PATIENCE_MS)));
      // A collector that is away must not keep the process.
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(patience);
    },
  };
}

function unrecorded(traceparent: string): TraceSpan {
  return { traceparent, set: () => {}, end: () => {} };
}

function samplerOf({ sampler, ratio }: TracingOptions, sdk: typeof import('@opentelemetry/sdk-trace')): Sampler {
  const root = sampler.endsWith('always_on')
    ? new sdk.AlwaysOnSampler()
    : sampler.endsWith('always_off')
      ? new sdk.AlwaysOffSampler()
      : new sdk.TraceIdRatioBasedSampler(ratio);
  return sampler.startsWith('parentbased_') ? new sdk.ParentBasedSampler({ root }) : root;
}
