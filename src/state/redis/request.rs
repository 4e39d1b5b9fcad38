//! What is sent to a server for an operation.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::{Cmd, Pipeline, Value};

use super::settings::Wait;
use crate::state::{Failure, Record, Version};

/// What a register is kept for beyond the end of its record: servers that take over from one
/// another, and gateways, do not have the same time.
const KEPT_LONGER: Duration = Duration::from_secs(300);

/// The longest life that servers can add to their time.
const LIFE_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Reads what a register holds so that `WAIT` tells where it is: since version 7.2 a command that
/// changes nothing does not count for that. One that sets the same life again does.
static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local there = redis.call('GET', KEYS[1])
          if there then
            local left = redis.call('PTTL', KEYS[1])
            if left > 0 then
              redis.call('PEXPIRE', KEYS[1], left)
            end
          end
          return there",
    )
});

/// Answers with what is there, unless that is a record whose time is over. See `record.rs` for the
/// bytes; what is no record stays.
static CREATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local there = redis.call('GET', KEYS[1])
          if there then
            if #there < 25 or there:byte(1) ~= 1 then
              return there
            end
            local ends = 0
            for at = 18, 25 do
              ends = ends * 256 + there:byte(at)
            end
            if ends > tonumber(ARGV[3]) then
              return there
            end
          end
          redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
          return false",
    )
});

/// Answers 1 if it was the record of the nonce, and its time not over; 0 if not.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local there = redis.call('GET', KEYS[1])
          if not there or #there < 25 or there:byte(1) ~= 1 or there:sub(2, 17) ~= ARGV[4] then
            return 0
          end
          local ends = 0
          for at = 18, 25 do
            ends = ends * 256 + there:byte(at)
          end
          if ends <= tonumber(ARGV[3]) then
            return 0
          end
          redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
          return 1",
    )
});

/// Answers 1 if it was the record of the nonce, 0 if not.
static REMOVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local there = redis.call('GET', KEYS[1])
          if not there or there:byte(1) ~= 1 or there:sub(2, 17) ~= ARGV[1] then
            return 0
          end
          return redis.call('DEL', KEYS[1])",
    )
});

struct Script {
    text: &'static str,
    /// What servers call it: SHA-1 in hexadecimal.
    name: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, name: redis::Script::new(text).get_hash().to_owned() }
    }
}

/// One operation: a single command on a single key, and what has to be waited for after it.
pub(super) struct Request {
    key: Vec<u8>,
    script: Option<&'static Script>,
    arguments: Vec<Vec<u8>>,
    wait: Option<Wait>,
}

impl Request {
    pub(super) fn read(key: Vec<u8>, wait: Option<Wait>) -> Self {
        let script = wait.is_some().then(|| &*READ);
        Self { key, script, arguments: Vec::new(), wait }
    }

    pub(super) fn create(
        key: Vec<u8>,
        record: &Record,
        now: SystemTime,
        wait: Option<Wait>,
    ) -> Self {
        let arguments = vec![record.to_bytes(), life(record, now), milliseconds(now)];
        Self { key, script: Some(&CREATE), arguments, wait }
    }

    pub(super) fn replace(
        key: Vec<u8>,
        seen: &Version,
        record: &Record,
        now: SystemTime,
        wait: Option<Wait>,
    ) -> Self {
        let nonce = seen.nonce().as_bytes().to_vec();
        let arguments = vec![record.to_bytes(), life(record, now), milliseconds(now), nonce];
        Self { key, script: Some(&REPLACE), arguments, wait }
    }

    pub(super) fn remove(key: Vec<u8>, seen: &Version, wait: Option<Wait>) -> Self {
        let arguments = vec![seen.nonce().as_bytes().to_vec()];
        Self { key, script: Some(&REMOVE), arguments, wait }
    }

    /// The key.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// What is sent. `whole`: with the script's text, for a server that does not know it; `asking`:
    /// to a node of a cluster that does not have the key yet.
    pub(super) fn commands(&self, whole: bool, asking: bool) -> Pipeline {
        let mut pipeline = redis::pipe();
        if asking {
            pipeline.cmd("ASKING");
        }
        pipeline.add_command(self.command(whole));
        if let Some(wait) = &self.wait {
            pipeline.add_command(wait_command(wait));
        }
        pipeline
    }

    fn command(&self, whole: bool) -> Cmd {
        let Some(script) = self.script else {
            let mut command = redis::cmd("GET");
            command.arg(&self.key);
            return command;
        };
        let mut command = redis::cmd(if whole { "EVAL" } else { "EVALSHA" });
        command.arg(if whole { script.text } else { script.name.as_str() });
        command.arg(1).arg(&self.key).arg(&self.arguments);
        command
    }

    /// Whether an answer is worth nothing until replicas have what it says. What was not found or not
    /// written they need not have.
    pub(super) fn has_to_wait(&self, answer: &Value) -> bool {
        let Some(script) = self.script else { return false };
        let wrote = match answer {
            Value::Nil => std::ptr::eq(script, &*CREATE),
            Value::BulkString(_) => std::ptr::eq(script, &*READ),
            Value::Int(done) => *done != 0,
            _ => true,
        };
        self.wait.is_some() && wrote
    }

    /// Whether what was asked for has what was waited for: the second answer says so.
    ///
    /// # Errors
    /// [`Failure::Unknown`]: fewer have it, or nobody can tell.
    pub(super) fn check_wait(&self, answer: Option<&Value>) -> Result<(), Failure> {
        let Some(wait) = &self.wait else { return Ok(()) };
        let (local, replicas) = match answer {
            Some(Value::Int(replicas)) if !wait.fsync => (1, *replicas),
            Some(Value::Array(counts)) if wait.fsync => match counts.as_slice() {
                [Value::Int(local), Value::Int(replicas)] => (*local, *replicas),
                _ => (0, 0),
            },
            Some(Value::ServerError(error)) => {
                return Err(Failure::Unknown(format!("nobody can tell who has it: {error}")));
            }
            _ => (0, 0),
        };
        if local >= 1 && replicas >= i64::from(wait.replicas) {
            return Ok(());
        }
        let (asked, disk) = (wait.replicas, if wait.fsync { " on disk" } else { "" });
        let message = format!("{replicas} of {asked} replicas have it{disk} in time");
        Err(Failure::Unknown(match local {
            0 => format!("the primary does not have it on disk; {message}"),
            _ => message,
        }))
    }
}

fn wait_command(wait: &Wait) -> Cmd {
    // To them 0 would mean for ever.
    let timeout = u64::try_from(wait.timeout.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut command = redis::cmd(if wait.fsync { "WAITAOF" } else { "WAIT" });
    if wait.fsync {
        command.arg(1);
    }
    command.arg(wait.replicas).arg(timeout);
    command
}

/// How long a server keeps a record, in milliseconds.
fn life(record: &Record, now: SystemTime) -> Vec<u8> {
    let left = record.end.duration_since(now).unwrap_or_default();
    let life = left.saturating_add(KEPT_LONGER).min(LIFE_MAX);
    life.as_millis().to_string().into_bytes()
}

fn milliseconds(time: SystemTime) -> Vec<u8> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Nonce;

    fn request(wait: Option<Wait>) -> Request {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let end = now + Duration::from_secs(60);
        let record = Record { nonce: Nonce::new([b'n'; 16]), end, value: b"value".to_vec() };
        Request::create(b"key".to_vec(), &record, now, wait)
    }

    fn text(pipeline: &Pipeline) -> String {
        String::from_utf8_lossy(&pipeline.get_packed_pipeline()).into_owned()
    }

    const WAIT: Wait = Wait { replicas: 2, timeout: Duration::from_millis(500), fsync: false };

    #[test]
    fn a_write_lives_longer_than_its_record() {
        let sent = text(&request(None).commands(false, false));
        assert!(sent.contains("EVALSHA") && sent.contains("\r\n360000\r\n"), "{sent}");
        assert!(sent.contains("\r\n1000000\r\n") && !sent.contains("WAIT"), "{sent}");
    }

    #[test]
    fn what_is_waited_for_is_part_of_the_same_sending() {
        let sent = text(&request(Some(WAIT)).commands(true, true));
        assert!(sent.starts_with("*1\r\n$6\r\nASKING\r\n"), "{sent}");
        assert!(sent.ends_with("*3\r\n$4\r\nWAIT\r\n$1\r\n2\r\n$3\r\n500\r\n"), "{sent}");
        let sent = text(&request(Some(Wait { fsync: true, ..WAIT })).commands(true, false));
        assert!(sent.ends_with("$7\r\nWAITAOF\r\n$1\r\n1\r\n$1\r\n2\r\n$3\r\n500\r\n"), "{sent}");
    }

    #[test]
    fn too_few_replicas_leave_it_unknown() {
        let check = |wait, answer: &Value| request(Some(wait)).check_wait(Some(answer)).is_ok();
        let disk = Wait { fsync: true, ..WAIT };
        let counts = |local, replicas| Value::Array(vec![Value::Int(local), Value::Int(replicas)]);
        assert!(check(WAIT, &Value::Int(2)) && check(WAIT, &Value::Int(3)));
        assert!(!check(WAIT, &Value::Int(1)) && !check(WAIT, &Value::Nil));
        assert!(check(disk, &counts(1, 2)));
        assert!(!check(disk, &counts(0, 2)) && !check(disk, &counts(1, 1)));
        assert!(!check(disk, &Value::Int(2)), "that was the answer to WAIT");
    }
}
