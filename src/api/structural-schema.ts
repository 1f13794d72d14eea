// SPDX-License-Identifier: Apache-2.0

/** One CEL rule of a schema, as the API server takes it. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/** A structural schema: the part of OpenAPI v3 that a CustomResourceDefinition may use. */
export interface StructuralSchema {
  readonly description?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly format?: string;
  readonly enum?: readonly (string | number | boolean)[];
  readonly default?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: StructuralSchema;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: StructuralSchema;
  /** Further patterns of a string; nothing but value validations may stand here. */
  readonly allOf?: readonly { readonly pattern: string }[];
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular';
  readonly 'x-kubernetes-validations'?: readonly CelRule[];
}

/** A zod schema that cannot become a structural schema: thrown while the CRDs are built. */
export class SchemaError extends Error {
  /** Where, for example `spec.targets[].name`. */
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`${path === '' ? 'the root' : path}: ${problem}`);
    this.name = 'SchemaError';
    this.path = path;
  }
}
