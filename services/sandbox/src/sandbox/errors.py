"""What can go wrong, each with a stable code and a sentence; the HTTP edge gives each kind its status."""


class SandboxError(Exception):
    """An error that the caller is told of."""

    code = "sandbox_error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Absent(SandboxError):
    """What was asked for is not there."""


class Refused(SandboxError):
    """The request is understood and must not be done."""


class Conflict(SandboxError):
    """What was asked for does not fit the state that things are in."""


class TooLarge(SandboxError):
    """More bytes than a limit allows."""


class Invalid(SandboxError):
    """The request is well formed, but cannot be done as it is."""


class Unavailable(SandboxError):
    """The sandbox cannot do it now; it may later."""


class WorkspaceNotFound(Absent):
    """No workspace has this name."""

    code = "workspace_not_found"


class ProcessNotFound(Absent):
    """No process has this id, or it ended long ago and was forgotten."""

    code = "process_not_found"


class FileMissing(Absent):
    """No such file or folder."""

    code = "file_not_found"


class PathEscapes(Refused):
    """The path leads out of the workspace."""

    code = "path_escapes"


class PeerRefused(Refused):
    """The user at the other end of the socket is not allowed."""

    code = "peer_refused"


class WorkspaceExists(Conflict):
    """The name is taken by a workspace with another source."""

    code = "workspace_exists"


class ProcessExists(Conflict):
    """The process id is taken by a process with another command."""

    code = "process_exists"


class NotAFile(Conflict):
    """The path names something other than a regular file (or folder, where one is needed)."""

    code = "not_a_file"


class ProcessEnded(Conflict):
    """The process has ended, so it cannot be acted upon."""

    code = "process_ended"


class ProcessPaused(Conflict):
    """The process is paused, and must be resumed first."""

    code = "process_paused"


class StdinClosed(Conflict):
    """Standard input is not open."""

    code = "stdin_closed"


class StdinFull(Conflict):
    """The process does not read what it has already been sent."""

    code = "stdin_full"


class NotARepository(Conflict):
    """The workspace was not made as a git repository, so it has nothing to publish."""

    code = "not_a_repository"


class FileTooLarge(TooLarge):
    """The file, or the part asked for, is above the limit."""

    code = "file_too_large"


class TreeTooDeep(TooLarge):
    """Folders lie in each other deeper than can be gone through."""

    code = "tree_too_deep"


class BodyTooLarge(TooLarge):
    """The request's body is above the limit."""

    code = "body_too_large"


class WorkspaceTooLarge(TooLarge):
    """The unpacked source is above the limit."""

    code = "workspace_too_large"


class BundleTooLarge(TooLarge):
    """What was changed is above the limit of what is handed out in one piece."""

    code = "bundle_too_large"


class BadArchive(Invalid):
    """The archive is damaged, or has entries that lead out of the workspace."""

    code = "bad_archive"


class BadSource(Invalid):
    """The source of a workspace is missing or not of the kind that was said."""

    code = "bad_source"


class GitFailed(Invalid):
    """Git could not do what was asked."""

    code = "git_failed"


class CannotExecute(Invalid):
    """The program cannot be started."""

    code = "cannot_execute"


class LimitTooHigh(Invalid):
    """A limit above what this sandbox allows was asked for."""

    code = "limit_too_high"


class NameTooLong(Invalid):
    """A name in the path, or the whole path, is longer than the file system allows."""

    code = "name_too_long"


class BadCursor(Invalid):
    """The cursor was not given out by this list."""

    code = "bad_cursor"


class UnsupportedMedia(Invalid):
    """The body's media type is not understood here."""

    code = "unsupported_media_type"


class LengthRequired(Invalid):
    """The length of the body must be told before it is sent."""

    code = "length_required"


class TooManyProcesses(Unavailable):
    """As many processes as are allowed already run."""

    code = "too_many_processes"


class NoAnswer(Unavailable):
    """A process's supervisor does not answer."""

    code = "no_answer"


class ShuttingDown(Unavailable):
    """The sandbox is stopping."""

    code = "shutting_down"


class FileSystemFailed(Unavailable):
    """The file system refused: no space, no right, or worse."""

    code = "file_system_failed"
