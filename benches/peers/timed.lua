-- Gives a load an end at which nobody hangs up: after its time, or when there is nothing left to
-- ask, it asks nothing more, waits for the answers, and ends wrk. A script that loads this one calls
-- `lasts` first and `is_answered` for every response, adds to `counters` what wrk is to print, and
-- may say with `is_used_up` that nothing is left. For one thread.
dofile("load.lua")

local ffi = require("ffi")
ffi.cdef([[
    struct bench_time { long seconds; long nanoseconds; };
    int clock_gettime(int clock, struct bench_time *time);
    int kill(int process, int signal);
    int getpid(void);
]])
local CLOCK_MONOTONIC, SIGINT = 1, 2
local FOREVER_MILLISECONDS = 1e9

local seconds, began
local permitted, answered = 0, 0

-- Global, so that `more_fields` reaches it.
counters = { first_surprise = "", microseconds_loaded = 0 }

local time = ffi.new("struct bench_time")
local function now()
    ffi.C.clock_gettime(CLOCK_MONOTONIC, time)
    return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

function lasts(for_seconds)
    seconds = for_seconds
end

-- wrk looks at one request before it begins.
function has_begun()
    return began ~= nil
end

function is_used_up(_)
    return false
end

-- Called once, when the last answer is there.
function at_end()
end

local function is_over()
    return now() - began >= seconds or is_used_up(permitted)
end

local function end_when_all_is_answered()
    if counters.microseconds_loaded == 0 and answered == permitted and is_over() then
        counters.microseconds_loaded = (now() - began) * 1e6
        at_end()
        -- Ends the main thread's sleep.
        ffi.C.kill(ffi.C.getpid(), SIGINT)
    end
end

function is_answered()
    answered = answered + 1
    end_when_all_is_answered()
end

-- Called before each request: how long that has to wait.
function delay()
    began = began or now()
    if is_over() then
        end_when_all_is_answered()
        return FOREVER_MILLISECONDS
    end
    permitted = permitted + 1
    return 0
end

local threads = {}

function setup(thread)
    threads[#threads + 1] = thread
end

function more_fields()
    local fields = {}
    for counter, value in pairs(threads[1]:get("counters")) do
        local form = type(value) == "number" and ',"%s":%d' or ',"%s":"%s"'
        fields[#fields + 1] = string.format(form, counter, value)
    end
    return table.concat(fields)
end
