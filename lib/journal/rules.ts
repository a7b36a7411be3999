/** What the entries of a journal do to its state. */
import { types } from 'node:util';
import { invalidArgument } from '../errors.ts';

export interface Rules<State, Entry> {
	readonly apply: (state: State, entry: Entry) => State;
	/** Validates an entry as JSON gives it back. Undefined where any is taken. */
	readonly toEntry: ((raw: unknown, place?: string) => Promise<Entry>) | undefined;
}

/** Applies one entry. @throws what `apply` throws, or a TypeError where it returns no state. */
export function applyEntry<State, Entry>(rules: Rules<State, Entry>, state: State, entry: Entry): State {
	const next = rules.apply(state, entry);
	if (next === undefined || typeof next === 'function' || types.isPromise(next)) {
		if (types.isPromise(next)) next.catch(saidHereWhatIsWrong);
		throw invalidArgument('what options.apply returns', 'the new state, at once', next);
	}
	return next;
}

function saidHereWhatIsWrong(): void {}
