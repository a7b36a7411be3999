/**
 * diagnostics_channel: what the library tells whoever subscribes. Subscribers run synchronously and must not throw.
 * Nothing is paid without one.
 */
import diagnosticsChannel, { type Channel } from 'node:diagnostics_channel';

/**
 * After each commit that landed: `{ path, carried, sequence, removed, bytes, durability, directorySynced, durationMs,
 * stalenessMs }`. `carried`: calls that it answers; `stalenessMs`: how long the oldest of them had waited.
 */
export const commitChannel: Channel = diagnosticsChannel.channel('durable-json:commit');
/** Before each repeated attempt: `{ path, step, error, attempt, delayMs }`. */
export const retryChannel: Channel = diagnosticsChannel.channel('durable-json:retry');
/** What clean-up did, and what it could not do: `{ path, action, error? }`. */
export const recoverChannel: Channel = diagnosticsChannel.channel('durable-json:recover');
