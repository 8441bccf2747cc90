// Identifiers as ArcGIS writes them: a letter and a UUID; items are 32 hex digits.
import { randomUUID } from 'node:crypto';

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const jobIdForm = new RegExp(`^j${uuid}$`);
const fileIdForm = new RegExp(`^i${uuid}$`);
const uuidForm = new RegExp(`^${uuid}$`);

export const newJobId = (): string => `j${randomUUID()}`;
export const newFileId = (): string => `i${randomUUID()}`;
export const newItemId = (): string => randomUUID().replaceAll('-', '');

export const isUuid = (text: string): boolean => uuidForm.test(text);
export const isJobId = (text: string): boolean => jobIdForm.test(text);
export const isFileId = (text: string): boolean => fileIdForm.test(text);
