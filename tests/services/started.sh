# shellcheck shell=bash
# Ending what a test run started. Whoever starts a process writes its id to FOLDER/<name>.pid, makes
# it the leader of a process group, and has a path below FOLDER on its command line.

# Ends every process recorded below a folder, and the groups they lead.
stop_everything_started() { # folder
    local file pid
    while IFS= read -r file; do
        pid=$(cat "$file" 2>/dev/null) && [ -n "$pid" ] || continue
        # The id may belong to somebody else by now.
        if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$1/"; then
            kill -9 -- "-$pid" 2>/dev/null || kill -9 "$pid" 2>/dev/null || true
        fi
    done < <(find "$1" -name '*.pid' 2>/dev/null)
}
