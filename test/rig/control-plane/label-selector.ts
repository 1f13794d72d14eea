// SPDX-License-Identifier: Apache-2.0

/** Tells whether an object with these labels is selected. */
export type LabelMatch = (labels: Readonly<Record<string, string>>) => boolean;

const terms = (selector: string): readonly string[] =>
  // A comma inside brackets separates values, not terms.
  selector.split(/,(?![^(]*\))/).filter((term) => term.trim() !== '');

const matchOf = (term: string): LabelMatch => {
  const set = /^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$/.exec(term);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = new Set(list.split(',').map((value) => value.trim()));
    return (labels) => values.has(labels[key] ?? '\0') === (operator === 'in');
  }
  const equation = /^\s*([^!=\s]+)\s*(!=|==|=)\s*(\S*)\s*$/.exec(term);
  if (equation !== null) {
    const [, key = '', operator, value] = equation;
    return (labels) => (labels[key] === value) === (operator !== '!=');
  }
  const key = term.trim();
  return key.startsWith('!') ? (labels) => !(key.slice(1) in labels) : (labels) => key in labels;
};

/** Parses a label selector as the API writes it in a query; an empty one selects everything. */
export const parseLabelSelector = (selector: string): LabelMatch => {
  const matches = terms(selector).map(matchOf);
  return (labels) => matches.every((match) => match(labels));
};
