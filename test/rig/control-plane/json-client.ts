// SPDX-License-Identifier: Apache-2.0
// A raw JSON client for tests. It has none of the product's transport in it, on purpose: a test
// that looks at the API server must not see it through the code under test.
import { type RequestOptions, request as requestHttps } from 'node:https';
import type { Connection } from './kubeconfig.ts';

/** Holds one answer of the API server; `body` is text when it is not JSON. */
export interface ApiResponse<Body = unknown> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Body;
}

/** Configures one request. */
export interface JsonRequestOptions {
  /** `application/json` by default, for PATCH `application/merge-patch+json`. */
  readonly contentType?: string | undefined;
  /** Time until the request is given up, in milliseconds; 30 s by default. */
  readonly deadlineMs?: number;
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const headersOf = (
  method: string,
  connection: Connection,
  payload: Buffer | undefined,
  contentType: string | undefined,
): Record<string, string> => {
  const usual = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return {
    accept: 'application/json',
    ...(connection.token === undefined ? {} : { authorization: `Bearer ${connection.token}` }),
    ...(payload === undefined
      ? {}
      : { 'content-type': contentType ?? usual, 'content-length': String(payload.length) }),
  };
};

/**
 * Sends one request and returns the answer, whatever its status. Each request has a connection of
 * its own, so none is affected by a restart of the server before it. Rejects when there is no
 * answer within the deadline.
 */
export const requestJson = <Body = unknown>(
  connection: Connection,
  method: string,
  path: string,
  body?: unknown,
  { contentType, deadlineMs = 30_000 }: JsonRequestOptions = {},
): Promise<ApiResponse<Body>> =>
  new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const options: RequestOptions = {
      method,
      agent: false,
      ca: connection.ca,
      cert: connection.cert,
      key: connection.key,
      headers: headersOf(method, connection, payload, contentType),
      signal: AbortSignal.timeout(deadlineMs),
    };
    const outgoing = requestHttps(new URL(path, connection.server), options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const { statusCode = 0, headers } = response;
        resolve({ status: statusCode, headers, body: parse(text) as Body });
      });
    });
    outgoing.on('error', (cause) => {
      const target = `${method} ${path}`;
      reject(new Error(`no answer to ${target}: ${cause.message}`, { cause }));
    });
    outgoing.end(payload);
  });
