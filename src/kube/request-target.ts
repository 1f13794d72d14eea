// SPDX-License-Identifier: Apache-2.0
import type { Method } from './transport.ts';

/** What a request is about, in the words of RBAC rules. */
export interface RequestTarget {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  /** Empty for the core group. */
  readonly group: string;
  /** Plural, with the subresource after a slash: `pods`, `pods/eviction`. */
  readonly resource: string;
  /** Empty for cluster-scoped objects and for lists over all namespaces. */
  readonly namespace: string;
}

const WRITES = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as const;

const verbOf = (method: Method | 'WATCH', isCollection: boolean): RequestTarget['verb'] => {
  if (method === 'WATCH') return 'watch';
  if (method === 'GET') return isCollection ? 'list' : 'get';
  return WRITES[method];
};

/**
 * Reads method and path of a request to the API groups (apiserver: pkg/endpoints/request/requestinfo.go).
 * @returns `null` for paths outside the API groups
 */
export const requestTarget = (method: Method | 'WATCH', path: string): RequestTarget | null => {
  const [, core, , group = '', , rest = ''] =
    /^\/(?:(api)(\/[^/]+)|apis\/([^/]+)(\/[^/]+))\/(.+)$/.exec(path) ?? [];
  const parts = rest.split('/').filter((part) => part !== '');
  const isNamespaced = parts[0] === 'namespaces' && parts.length > 2;
  const [plural, name, subresource] = isNamespaced ? parts.slice(2) : parts;
  if (plural === undefined) return null;
  return {
    verb: verbOf(method, name === undefined),
    group: core === undefined ? group : '',
    resource: subresource === undefined ? plural : `${plural}/${subresource}`,
    namespace: isNamespaced ? (parts[1] ?? '') : '',
  };
};
