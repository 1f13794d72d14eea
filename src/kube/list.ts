// SPDX-License-Identifier: Apache-2.0
import { ApiError, isExpired } from './api-error.ts';
import { collectionPath, type KubeList, type KubeObject, type ResourceType } from './resource.ts';
import type { ApiRequest, Transport } from './transport.ts';

/** Objects per page: one big answer would stall the event loop (client-go tools/pager). */
export const PAGE_SIZE = 500;

/** What to list. */
export interface ListQuery {
  readonly type: ResourceType;
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** How to list. */
export interface ListOptions extends Pick<ApiRequest, 'deadlineMs' | 'priority' | 'signal'> {
  /** Runs on each page before the next is asked for; items of the answer are dropped when it returns. */
  readonly onPage: (items: readonly KubeObject[]) => void;
}

/** A nil slice of Go comes as null; anything else that is no array is no list. */
function listOf(body: unknown): KubeList {
  const { metadata, items } = (body ?? {}) as {
    readonly metadata?: KubeList['metadata'];
    readonly items?: KubeList['items'] | null;
  };
  if (!Array.isArray(items) && items !== null) {
    const message = 'the answer is not a list';
    throw new ApiError({ code: 200, reason: 'BadResponse', message, sent: 'yes' });
  }
  return { metadata: metadata ?? {}, items: items ?? [] };
}

/** Lets sockets and timers run between two pages. */
export const yieldTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Lists in pages with quorum reads, so that the result never goes back in time. When the snapshot expires
 * between pages (410) it starts again as one unpaged list; `restarted` tells the caller to forget what it
 * got.
 *
 * @returns the resourceVersion of the snapshot
 * @throws ApiError
 */
export async function listPages(
  transport: Transport,
  query: ListQuery,
  options: ListOptions & { readonly restarted?: () => void },
): Promise<string> {
  const { type, namespace, labelSelector, fieldSelector } = query;
  const { onPage, restarted, ...send } = options;
  const path = collectionPath(type, namespace);
  let limit: string | undefined = String(PAGE_SIZE);
  let next: string | undefined;
  for (;;) {
    try {
      const answer = await transport.request({
        ...send,
        method: 'GET',
        path,
        query: { labelSelector, fieldSelector, limit, continue: next },
      });
      const page = listOf(answer.body);
      onPage(page.items);
      next = page.metadata.continue === '' ? undefined : page.metadata.continue;
      if (next === undefined) return page.metadata.resourceVersion ?? '';
    } catch (error) {
      if (!isExpired(error) || next === undefined) throw error;
      restarted?.();
      next = undefined;
      limit = undefined;
    }
    await yieldTurn();
  }
}

/** Lists all objects into memory by a quorum read; for collections known to be small. @throws ApiError */
export async function listObjects<T extends KubeObject = KubeObject>(
  transport: Transport,
  query: ListQuery,
  options: Omit<ListOptions, 'onPage'> = {},
): Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }> {
  let items: T[] = [];
  const resourceVersion = await listPages(transport, query, {
    ...options,
    onPage: (page) => {
      for (const item of page) items.push(item as T);
    },
    restarted: () => {
      items = [];
    },
  });
  return { items, resourceVersion };
}
