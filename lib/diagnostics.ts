/**
 * diagnostics_channel: what the library tells whoever subscribes. Subscribers run synchronously and must not throw.
 * Nothing is paid without one.
 */
import diagnosticsChannel from 'node:diagnostics_channel';
import type { Bytes, Durability, Milliseconds } from './types.ts';

/** What `durable-json:commit` tells after each commit that landed. */
export interface CommitEvent {
	/** The document's path, absolute, as the caller spelt it. */
	readonly path: string;
	/** Calls that it answers. */
	readonly carried: number;
	/** The place in the order of the call whose value was written. */
	readonly sequence: number;
	/** True where the document was removed. */
	readonly removed: boolean;
	readonly bytes: Bytes;
	readonly durability: Durability;
	readonly directorySynced: boolean;
	readonly durationMs: Milliseconds;
	/** How long the oldest of its calls had waited. */
	readonly stalenessMs: Milliseconds;
}

/** What `durable-json:retry` tells before each repeated attempt. */
export interface RetryEvent {
	readonly path: string;
	readonly step: string;
	readonly error: unknown;
	/** 1 for the first that failed. */
	readonly attempt: number;
	/** The pause before the next. */
	readonly delayMs: Milliseconds;
}

/** What `durable-json:recover` tells of a file that clean-up, backups or recovery have dealt with, or could not. */
export interface RecoverEvent {
	readonly path: string;
	readonly action: string;
	/** Where it could not be done. */
	readonly error?: unknown;
	/** Why a document was not kept as a backup. */
	readonly condition?: string;
}

/** The part of a channel that publishes; subscribers use `node:diagnostics_channel` and its name. */
interface EventChannel<Event> {
	readonly hasSubscribers: boolean;
	publish(event: Event): void;
}

export const commitChannel: EventChannel<CommitEvent> = diagnosticsChannel.channel('durable-json:commit');
export const retryChannel: EventChannel<RetryEvent> = diagnosticsChannel.channel('durable-json:retry');
export const recoverChannel: EventChannel<RecoverEvent> = diagnosticsChannel.channel('durable-json:recover');
