// Failures of the disk, in words that say what to do and nothing of the server's folders (errno(3)).
import { SortieError } from '@sortie/common/errors';

const fullCodes = ['ENOSPC', 'EDQUOT'];
const failedCodes = ['EIO', 'EROFS', 'EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'ESTALE', 'EMFILE', 'ENFILE', 'EBUSY'];

/** Null when it is none. */
export function diskError(thrown: unknown): SortieError | null {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (fullCodes.includes(code))
    return new SortieError('DISK_FULL', 'The disk is full; free some space for the worker.', { cause: thrown });
  if (code === 'EFBIG')
    return new SortieError('LIMIT_EXCEEDED', 'A file would become larger than is expected of a video like this.', { cause: thrown }); // prettier-ignore
  if (failedCodes.includes(code))
    return new SortieError('STORAGE_FAILED', `The disk failed (${code}); the operator has to look at it.`, { cause: thrown }); // prettier-ignore
  return null;
}
