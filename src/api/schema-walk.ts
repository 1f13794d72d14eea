// SPDX-License-Identifier: Apache-2.0
/** What the parts of the converter from zod to structural schemas share. */
import { z } from 'zod';
import { SchemaError } from './structural-schema.ts';

/** A zod schema of any kind. */
export type Node = z.core.$ZodType;
/** The definition inside of a zod schema. */
export type Def = z.core.$ZodTypes['_zod']['def'];
/** Metadata of a schema: description and extensions. */
export type Meta = Readonly<Record<string, unknown>>;
/** What of a schema stands in its JSON Schema form, and is taken over from there. */
export type Json = Readonly<Record<string, unknown>>;

/** Where the walk is: the path for messages, and the schemas it is inside of. */
export interface Place {
  readonly path: string;
  readonly inside: readonly Node[];
}

/** Refuses the schema at a place. */
export const fail = (place: Place, problem: string): never => {
  throw new SchemaError(place.path, problem);
};

/** Reads the definition of a schema. */
export const defOf = (node: Node): Def => (node as z.core.$ZodTypes)._zod.def;

/** Goes one step down: a field, `[]`, `{}` or `|`. */
export const below = (place: Place, node: Node, step: string): Place => ({
  path:
    place.path === '' || step.startsWith('[') ? `${place.path}${step}` : `${place.path}.${step}`,
  inside: [...place.inside, node],
});

/** Lists the checks of a schema. */
export const checksOf = (node: Node): readonly z.core.$ZodCheck[] => defOf(node).checks ?? [];

/** Metadata is read by us: an id in it would make a reference of the schema. */
const NO_METADATA = z.registry<object>();

/** Gives the JSON Schema of a single node, of which bounds and patterns are taken over. */
export const jsonOf = (node: Node): Json =>
  z.toJSONSchema(node, { target: 'openapi-3.0', io: 'input', metadata: NO_METADATA });

/** Takes over the keys that are set. */
export const picked = (json: Json, keys: readonly string[]): Json =>
  Object.fromEntries(keys.flatMap((key) => (json[key] === undefined ? [] : [[key, json[key]]])));

/** Tells whether the input of a field may be left out. */
export const isRequired = (node: Node): boolean => node._zod.optin === undefined;
