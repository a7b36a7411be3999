/**
 * What the commit protocol pulls a document's bytes from: a JSON value, JSON Lines rows, or bytes.
 *
 * The source fills buffers that the caller owns, so that nothing is allocated per chunk; it never runs longer than one
 * buffer's worth of work at a time.
 */
export interface ByteSource {
	/**
	 * Writes the next bytes into `target`, from `offset` on, and returns the offset after the last one. It comes back
	 * when the buffer is full (within a small remainder), when the source is {@link ByteSource.done}, when it must wait
	 * ({@link ByteSource.waiting}), or when it has worked for 5 ms, even where that gave few bytes: then let the event loop
	 * turn, and go on in the same buffer. The first call does not look at the time while what it reads may turn out to be
	 * shorter than {@link READ_AT_ONCE_BYTES}.
	 * Throws what that code (toJSON, getter, replacer, iterable) threw, unwrapped.
	 * `target` has at least {@link MIN_BUFFER_BYTES} bytes, all of which are scratch: bytes after the returned offset may
	 * have been written to.
	 */
	fill(target: Buffer, offset: number): number;
	/** True when every byte has been handed out. */
	readonly done: boolean;
	/**
	 * Set when `fill` came back because an asynchronous part of the value must settle first. It never rejects: what went
	 * wrong is thrown by the next `fill`.
	 */
	readonly waiting: Promise<void> | undefined;
	/**
	 * To be called before the first `fill` by who cannot wait: `fill` then throws a {@link MustWait} in place of opening an async
	 * iterable, which is left as it is. Left out where the source has a form of its own for what can be read once.
	 */
	forbidWaiting?(): void;
	/** Rows or elements of the outermost iterable handed out so far; 0 for a value that has none. */
	readonly rows: number;
	/** Where the source stands in the value, in the form `$.sensors[3].temp`; read after `fill` has thrown. */
	jsonPath(): string;
	/**
	 * Ends early: calls `return()` of every open iterator, innermost first, and waits for it unless its `next()` is
	 * still pending. Idempotent; does nothing after the end. Never rejects.
	 */
	close(): Promise<void>;
}

/** See {@link ByteSource.forbidWaiting}. */
export class MustWait extends Error {
	constructor() {
		super('there is an async iterable');
	}
}

/** The smallest buffer that {@link ByteSource.fill} can be given. */
export const MIN_BUFFER_BYTES = 16_384;

/**
 * What is shorter is read in the first {@link ByteSource.fill}, however long that takes (the caller's own code may be
 * slow), so that what is written is a state that existed: provided that it gets a buffer with room for it, that no
 * asynchronous part makes it wait, and that it has fewer than 32,768 properties and elements, absent ones included.
 * Code that is not compiled yet may take some 6 ms for so many bytes, compiled code half of one.
 */
export const READ_AT_ONCE_BYTES: number = 64 * 1024;
