// SPDX-License-Identifier: Apache-2.0
import { isNotFound } from './api-error.ts';
import { groupPath, type ResourceType } from './resource.ts';
import type { Transport } from './transport.ts';

/** Version of an API server, as `/version` gives it. */
export interface ServerVersion {
  /** For example `1`. */
  readonly major: string;
  /** For example `36`; managed offerings append a `+`. */
  readonly minor: string;
  readonly gitVersion: string;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Asks the API server for its version. @throws ApiError */
export async function serverVersion(transport: Transport): Promise<ServerVersion> {
  const { body } = await transport.request({ method: 'GET', path: '/version' });
  const fields: Readonly<Record<string, unknown>> =
    typeof body === 'object' && body !== null ? { ...body } : {};
  return {
    major: text(fields['major']),
    minor: text(fields['minor']),
    gitVersion: text(fields['gitVersion']),
  };
}

/**
 * Says whether the server serves a resource now.
 *
 * @throws ApiError when that is not known: a broken aggregated API is not an absent one
 */
export async function hasResource(
  transport: Transport,
  type: Pick<ResourceType, 'group' | 'version' | 'resource'>,
): Promise<boolean> {
  const path = groupPath(type.group, type.version);
  try {
    const { body } = await transport.request({ method: 'GET', path });
    const { resources } = body as { readonly resources?: readonly { readonly name?: string }[] };
    return (resources ?? []).some((each) => each.name === type.resource);
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
