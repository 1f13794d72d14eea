// SPDX-License-Identifier: Apache-2.0

/** Verbs of the Kubernetes API, as in RBAC rules. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'other';

/** What one request to an API server is about. */
export interface RequestInfo {
  readonly verb: Verb;
  /** Plural, with the subresource after a slash: `pods`, `pods/eviction`; empty for other paths. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  readonly query: string;
}

const WRITE_VERBS: Readonly<Record<string, Verb>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Parts of a path after the group and version; empty for paths outside the API groups. */
function resourceParts(path: string): string[] {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  if (parts[0] === 'api') return parts.slice(2);
  return parts[0] === 'apis' ? parts.slice(3) : [];
}

/** Reads method and URL of a request (apiserver: pkg/endpoints/request/requestinfo.go). */
export function readRequest(method: string, url: string): RequestInfo {
  const { pathname, searchParams } = new URL(url, 'http://server');
  let parts = resourceParts(pathname);
  let namespace = '';
  if (parts[0] === 'namespaces' && parts.length > 2) {
    namespace = parts[1] ?? '';
    parts = parts.slice(2);
  }
  const [plural = '', name = '', subresource] = parts;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  const query = searchParams.toString();
  const watching = ['true', '1'].includes(searchParams.get('watch') ?? '');
  const read: Verb = watching ? 'watch' : name === '' ? 'list' : 'get';
  const verb = method === 'GET' ? read : (WRITE_VERBS[method] ?? 'other');
  return { verb: plural === '' ? 'other' : verb, resource, namespace, name, path: pathname, query };
}
