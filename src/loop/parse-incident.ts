// SPDX-License-Identifier: Apache-2.0
import { type Incident, incidentSpecSchema, incidentStatusSchema } from '../api/incident.ts';
import { parseMeta } from '../execute/parse-kinds.ts';
import { at } from '../execute/raw-json.ts';

/** Reads an Incident; `null` when it is none, or of a version with states unknown to us. */
export const parseIncident = (raw: unknown): Incident | null => {
  const metadata = parseMeta(raw);
  const spec = incidentSpecSchema.safeParse(at(raw, 'spec'));
  if (metadata === null || !spec.success) return null;
  const rawStatus = at(raw, 'status');
  if (rawStatus === undefined) return { metadata, spec: spec.data };
  const status = incidentStatusSchema.safeParse(rawStatus);
  return status.success ? { metadata, spec: spec.data, status: status.data } : null;
};
