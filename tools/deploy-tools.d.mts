export interface DeployTools {
  /** The path of each program, by its name. */
  readonly programs: Readonly<Record<string, string>>;
  /** The folder of each Go module that is read. */
  readonly modules: Readonly<Record<'kubernetes' | 'keda' | 'prometheusOperator', string>>;
  readonly cache: string;
}
export const kubernetesVersion: string;
export function installTools(report: (line: string) => void): DeployTools;
