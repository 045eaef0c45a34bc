/** Whether a part of a process can do its work, and what there is to know about it. */
export interface Health {
  readonly ok: boolean;
  readonly detail: string;
}
