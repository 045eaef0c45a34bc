import { describeApi } from '#system/description.ts';
import { packageVersion } from '#system/version.ts';
import { SERVICES } from '#system/services.ts';
import { type Json, sorted } from './json.ts';

/** The OpenAPI document that `GET /openapi.json` of a running system answers, sorted. A test holds the two together. */
export async function openApi(): Promise<Json> {
  return sorted((await describeApi(SERVICES, packageVersion)) as Json);
}
