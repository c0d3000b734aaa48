/**
 * What the parser's tree says of tables and comparisons. Its nodes are objects of one field that names them
 * (`{ BinaryOp: { left, op, right } }`), as sqlparser-rs's own types are; only the names used here matter.
 */

/** What the parser made of a digest. */
export interface Structure {
  /** The names of the tables it found, without databases; common table expressions may be among them. */
  readonly tables: ReadonlySet<string>;
  /** Slots that stand in a comparison of a top-level AND of some query's WHERE or ON clause. */
  readonly predicateSlots: ReadonlySet<number>;
}

type Node = Readonly<Record<string, unknown>>;

/** Deeper trees are refused: none of a digest that is short enough to be parsed is nearly as deep. */
const NESTING_MAX = 2000;

/** `slotOf`: the slot whose marker a literal is, or -1. Throws a RangeError for a tree that is too deep. */
export function readStructure(tree: unknown, slotOf: (literal: string) => number): Structure {
  const reader = new StructureReader(slotOf);
  reader.read(tree, 0);
  return reader;
}

class StructureReader implements Structure {
  readonly tables = new Set<string>();
  readonly predicateSlots = new Set<number>();
  readonly #slotOf: (literal: string) => number;

  constructor(slotOf: (literal: string) => number) {
    this.#slotOf = slotOf;
  }

  read(value: unknown, nesting: number): void {
    if (nesting > NESTING_MAX) throw new RangeError('the tree is too deep');
    if (Array.isArray(value)) {
      for (const element of value) this.read(element, nesting + 1);
      return;
    }
    if (!isNode(value)) return;
    this.#readTables(value);
    this.#conjuncts(value.selection, nesting + 1);
    this.#conjuncts(value.On, nesting + 1);
    for (const child of Object.values(value)) {
      if (typeof child === 'object') this.read(child, nesting + 1);
    }
  }

  /** FROM, JOIN, UPDATE and DELETE name a `Table`, INSERT a `TableName`, TRUNCATE a list of `table_names`. */
  #readTables(node: Node): void {
    if (isNode(node.Table)) this.#addTable(node.Table.name);
    this.#addTable(node.TableName);
    if (!Array.isArray(node.table_names)) return;
    for (const target of node.table_names) {
      if (isNode(target)) this.#addTable(target.name);
    }
  }

  #addTable(name: unknown): void {
    const last: unknown = Array.isArray(name) ? name.at(-1) : null;
    const identifier = isNode(last) && isNode(last.Identifier) ? last.Identifier.value : null;
    if (typeof identifier === 'string') this.tables.add(identifier);
  }

  #conjuncts(value: unknown, nesting: number): void {
    if (!isNode(value) || nesting > NESTING_MAX) return;
    if (value.Nested !== undefined) this.#conjuncts(value.Nested, nesting + 1);
    if (isNode(value.BinaryOp)) this.#binary(value.BinaryOp, nesting + 1);
    if (isNode(value.InList) && value.InList.negated === false) {
      this.#operand(value.InList.expr);
      this.#operand({ Tuple: value.InList.list });
    }
  }

  #binary(node: Node, nesting: number): void {
    if (node.op === 'And') {
      this.#conjuncts(node.left, nesting);
      this.#conjuncts(node.right, nesting);
    } else if (node.op === 'Eq' || node.op === 'Spaceship') {
      this.#operand(node.left);
      this.#operand(node.right);
    }
  }

  /** A literal, or a list of literals or of lists of them. */
  #operand(value: unknown, nesting = 0): void {
    if (!isNode(value) || nesting > 3) return;
    if (value.Nested !== undefined) this.#operand(value.Nested, nesting + 1);
    if (Array.isArray(value.Tuple)) {
      for (const element of value.Tuple) this.#operand(element, nesting + 1);
    }
    const literal = isNode(value.Value) ? value.Value.value : null;
    if (!isNode(literal)) return;
    const text: unknown = Array.isArray(literal.Number) ? literal.Number[0] : literal.SingleQuotedString;
    const slot = typeof text === 'string' ? this.#slotOf(text) : -1;
    if (slot >= 0) this.predicateSlots.add(slot);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
