/**
 * Notices compound statements and stored programs, whose semicolons don't end them: the whole rest of the text
 * is taken as one statement then, because only a full parser could find its end.
 */
import { keyword } from './keywords.ts';

const CREATE = keyword('CREATE');
const ALTER = keyword('ALTER');
const BEGIN = keyword('BEGIN');
const WORK = keyword('WORK');
const SET = keyword('SET');
const STATEMENT = keyword('STATEMENT');
const FOR = keyword('FOR');
const COLON = 0x3a;

/** Verbs that only compound statements begin with. */
const BLOCK_VERBS = ['IF', 'CASE', 'LOOP', 'WHILE', 'REPEAT', 'FOR', 'DECLARE'].map(keyword);
const PROGRAMS = ['PROCEDURE', 'FUNCTION', 'TRIGGER', 'EVENT', 'PACKAGE'].map(keyword);
const OTHER_OBJECTS = [
  'TABLE',
  'VIEW',
  'INDEX',
  'DATABASE',
  'SCHEMA',
  'USER',
  'ROLE',
  'SERVER',
  'TABLESPACE',
  'SEQUENCE',
  'LOGFILE',
].map(keyword);

type Phase = 'verb' | 'set' | 'set_statement' | 'object' | 'begin' | 'label' | 'decided';

export class CompoundDetector {
  /** Number of the token that the statement's verb is: behind SET STATEMENT … FOR it is not the first. */
  verbAt = 0;
  private phase: Phase = 'verb';
  private compound = false;

  reset(): void {
    this.phase = 'verb';
    this.verbAt = 0;
    this.compound = false;
  }

  isCompound(): boolean {
    return this.compound;
  }

  /** The opening or closing of a comment that only some servers execute, as token number `index`: the verb may stand in it. */
  condition(index: number): void {
    if (this.phase === 'verb' && index === this.verbAt) this.verbAt = index + 1;
  }

  /** Any word outside a chain, with its keyword id, before it is counted as token number `index`. */
  word(id: number, index: number): void {
    switch (this.phase) {
      case 'decided':
        return;
      case 'verb':
        this.verb(id);
        return;
      case 'set':
        if (id === STATEMENT && index === this.verbAt + 1) this.phase = 'set_statement';
        else this.decide(false);
        return;
      case 'set_statement':
        if (id !== FOR) return;
        this.phase = 'verb';
        this.verbAt = index + 1;
        return;
      case 'object':
        this.object(id);
        return;
      default:
        if (index === this.verbAt + 1) this.decide(this.phase === 'begin' && id !== WORK);
    }
  }

  operator(value: number, index: number): void {
    if (this.phase === 'label') this.decide(index === this.verbAt + 1 && value === COLON);
  }

  private verb(id: number): void {
    if (id === CREATE || id === ALTER) this.phase = 'object';
    else if (id === BEGIN) this.phase = 'begin';
    else if (id === SET) this.phase = 'set';
    else if (id === 0) this.phase = 'label';
    else this.decide(BLOCK_VERBS.includes(id));
  }

  private object(id: number): void {
    if (PROGRAMS.includes(id)) this.decide(true);
    else if (OTHER_OBJECTS.includes(id)) this.decide(false);
  }

  private decide(compound: boolean): void {
    this.phase = 'decided';
    this.compound = compound;
  }
}
