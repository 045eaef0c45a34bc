import { join } from 'node:path';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { freePort } from './ports.ts';

/** Several brokers on this machine, of which one also is the controller: what only happens where one of many is away. */
export class KafkaCluster {
  readonly #folder: string;
  readonly #ports: readonly number[];
  readonly #controllerPort: number;
  readonly #nodes: (Kafka | undefined)[];

  private constructor(folder: string, ports: readonly number[], controllerPort: number) {
    this.#folder = folder;
    this.#ports = ports;
    this.#controllerPort = controllerPort;
    this.#nodes = ports.map(() => undefined);
  }

  /** Starts brokers 1 to `count`; broker 1 is the controller. */
  static async start(folder: string, count: number): Promise<KafkaCluster> {
    const ports: number[] = [];
    while (ports.length < count) ports.push(await freePort());
    const cluster = new KafkaCluster(folder, ports, await freePort());
    await Promise.all(ports.map((_, index) => cluster.startNode(index + 1)));
    return cluster;
  }

  get brokers(): string {
    return this.#ports.map((port) => `127.0.0.1:${port}`).join(',');
  }

  /** A broker with the data it had. */
  async startNode(id: number): Promise<void> {
    const port = this.#ports[id - 1]!;
    const copies = String(Math.min(2, this.#ports.length));
    const isController = id === 1;
    const listener = `PLAINTEXT://127.0.0.1:${port}`;
    this.#nodes[id - 1] = await startKafka({
      dir: this.#dirOf(id),
      port,
      own: true,
      heapMb: 320,
      nodeId: id,
      settings: {
        'process.roles': isController ? 'broker,controller' : 'broker',
        'controller.quorum.voters': `1@127.0.0.1:${this.#controllerPort}`,
        listeners: isController ? `${listener},CONTROLLER://127.0.0.1:${this.#controllerPort}` : listener,
        'offsets.topic.replication.factor': copies,
        'transaction.state.log.replication.factor': copies,
      },
    });
  }

  async kill(id: number): Promise<void> {
    await this.#nodes[id - 1]?.kill();
    this.#nodes[id - 1] = undefined;
  }

  dataDir(id: number): string {
    return join(this.#dirOf(id), 'data');
  }

  #dirOf(id: number): string {
    return join(this.#folder, `kafka-${id}`);
  }

  async stop(): Promise<void> {
    // The controller last: the others say goodbye to it.
    for (const node of this.#nodes.toReversed()) await node?.stop();
  }
}
