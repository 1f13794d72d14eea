// SPDX-License-Identifier: Apache-2.0
import { hash } from 'node:crypto';
import type { IdentityClaim } from '../../domain/telemetry.ts';
import { type AttributeTable, type Columns, VALUE } from './columns.ts';

/** Kubernetes names have at most 253 characters; a longer text names nothing. */
const MAX_NAME_LENGTH = 253;
/** Every character of a uid or a name of a Kubernetes object. */
const NAME = /^[A-Za-z0-9._:-]*$/;
/** What a claim says that cannot be a name: it names nothing, and is not taken for unsaid. */
const NO_NAME = '?';
/** The SDK's stand-in when nobody gave the service a name. */
const UNKNOWN_SERVICE = /^unknown_service(:|$)/;

/** Who a resource claims to be, and the keys under which its state is kept. */
export interface Source {
  readonly claim: IdentityClaim;
  /** The pod is named, by uid or by namespace and name. */
  readonly isIdentified: boolean;
  /** The same for traces and metrics of one process. */
  readonly key: string;
  /** Gives the digest of all resource attributes; computed when it is first asked for. */
  digest(): string;
  /** The pod under each name it has. */
  readonly podKeys: readonly string[];
}

const CLAIM_KEYS: Readonly<Record<string, keyof IdentityClaim>> = {
  'k8s.pod.uid': 'podUid',
  'k8s.pod.name': 'podName',
  'k8s.namespace.name': 'namespace',
  'k8s.container.name': 'container',
  'service.name': 'serviceName',
};

/** Longer keys are kept as their digest. Names of Kubernetes objects are nearly always shorter. */
const MAX_KEY_LENGTH = 160;

/**
 * Gives a key of at most {@link MAX_KEY_LENGTH} characters that stands for a text of any length, so
 * that tables that are bounded in entries are bounded in bytes, and a long text is paid for once. The
 * digest is cryptographic, and marked by a character that shorter keys cannot begin with.
 */
export const compactKey = (text: string): string =>
  text.length <= MAX_KEY_LENGTH && !text.startsWith('#')
    ? text
    : `#${hash('sha256', text, 'base64')}`;

/** Reads the identity of a resource row. A later duplicate of a key wins. */
export const readSource = (columns: Columns, resource: number): Source => {
  const table = columns.resourceAttributes;
  const first = columns.resources.firstAttribute[resource]!;
  const count = columns.resources.attributeCount[resource]!;
  const claim: { -readonly [Key in keyof IdentityClaim]: IdentityClaim[Key] } = {};
  let instance = '';
  for (let row = first; row < first + count; row += 1) {
    const key = shortText(columns, table.keyOffset[row]!, table.keyLength[row]!);
    const value =
      table.kind[row] === VALUE.string
        ? shortText(columns, table.offset[row]!, table.length[row]!)
        : undefined;
    if (key === undefined || value === undefined) continue;
    if (key === 'service.instance.id') instance = value;
    const field = Object.hasOwn(CLAIM_KEYS, key) ? CLAIM_KEYS[key] : undefined;
    if (field === undefined) continue;
    claim[field] = field === 'serviceName' || NAME.test(value) ? value : NO_NAME;
  }
  if (claim.serviceName !== undefined && UNKNOWN_SERVICE.test(claim.serviceName)) {
    delete claim.serviceName;
  }
  const podKeys: string[] = [];
  if (claim.podUid !== undefined) podKeys.push(compactKey(claim.podUid));
  if (claim.podName !== undefined && claim.namespace !== undefined) {
    podKeys.push(compactKey(`${claim.namespace}/${claim.podName}`));
  }
  let digest: string | undefined;
  return {
    claim,
    isIdentified: podKeys.length > 0,
    key: compactKey(JSON.stringify([claim, instance])),
    digest: () => {
      digest ??= attributesDigest(columns, table, { first, count, prefix: '' });
      return digest;
    },
    podKeys,
  };
};

/** A text that may be a name: neither empty nor too long. */
const shortText = (columns: Columns, offset: number, length: number): string | undefined =>
  length === 0 || length > MAX_NAME_LENGTH ? undefined : columns.text(offset, length);

/**
 * Digests attributes independent of their order; of duplicate keys the last one counts. The digest
 * is cryptographic: series of a hostile sender never meet those of another.
 */
export const attributesDigest = (
  columns: Columns,
  table: AttributeTable,
  range: { first: number; count: number; prefix: string },
): string => {
  const values = new Map<string, string>();
  for (let row = range.first; row < range.first + range.count; row += 1) {
    const key = compactKey(latin1(columns, table.keyOffset[row]!, table.keyLength[row]!));
    values.set(key, valueForm(columns, table, row));
  }
  const sorted = [...values].sort(([left], [right]) => (left < right ? -1 : 1));
  return hash('sha256', JSON.stringify([range.prefix, sorted]), 'base64');
};

const valueForm = (columns: Columns, table: AttributeTable, row: number): string => {
  const kind = table.kind[row]!;
  if (kind === VALUE.int) return `${kind}:${table.intHi[row]!}:${table.intLo[row]!}`;
  if (kind === VALUE.bool || kind === VALUE.double) return `${kind}:${table.number[row]!}`;
  return `${kind}:${compactKey(latin1(columns, table.offset[row]!, table.length[row]!))}`;
};

/** One character per byte, so that different bytes never give the same text. */
const latin1 = (columns: Columns, offset: number, length: number): string => {
  const bytes = columns.slice(offset, length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
};
