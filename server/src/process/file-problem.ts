const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EISDIR: "it is a folder",
  ELOOP: "it is a symbolic link; name the file that it points to",
  ENOENT: "its folder does not exist",
  ENOSPC: "the disk is full",
  ENOTDIR: "its folder is a file",
  ENXIO: "it is a pipe that nothing reads, or a socket",
  EPERM: "the operation is not permitted",
  EPIPE: "nothing reads it any more",
  EROFS: "the file system is read-only",
};

/** Why a file cannot be written, in words where the system's own say less than a user needs. */
export function describeFileProblem(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}
