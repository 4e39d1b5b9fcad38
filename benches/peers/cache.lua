-- What builds ask of their cache: hits, misses and puts, in an order that is the same every time,
-- with every answer looked at. After its time it asks nothing more, waits for the answers, and ends
-- wrk. The arguments: seconds, the folder of the objects, the query of every request, the sizes of
-- objects with commas between them, and how many hits, misses and puts follow each other in some
-- order before it begins again. For one thread.
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

local KINDS = { "hit", "miss", "put" }
-- So many that no two puts of one name are under way together.
local NAMES_OF_A_SIZE = 16
local REPETITIONS = 100

local requests = { hit = {}, miss = {}, put = {} }
local order = {}
local sizes, is_a_size = {}, {}
local seconds, began
local permitted, answered = 0, 0

-- Global, so that `more_fields` reaches it.
counters = {
    asked_hit = 0, asked_miss = 0, asked_put = 0,
    answered_hit = 0, answered_miss = 0, answered_put = 0, answered_otherwise = 0,
    first_surprise = "", microseconds_loaded = 0,
}

local time = ffi.new("struct bench_time")
local function now()
    ffi.C.clock_gettime(CLOCK_MONOTONIC, time)
    return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

local function read_file(path)
    local file = assert(io.open(path, "rb"))
    local content = file:read("*a")
    file:close()
    return content
end

-- As `name` of cache.py.
local function name(kind, number)
    return string.format("%d%015d", kind, number)
end

local function prepare_requests(folder, query)
    local function path(kind, number)
        return wrk.path .. name(kind, number) .. query
    end
    local put_headers = {
        ["Content-Type"] = "application/octet-stream",
        ["x-artifact-duration"] = "1234",
    }
    for field, value in pairs(wrk.headers) do
        put_headers[field] = value
    end
    for number = 1, #sizes * NAMES_OF_A_SIZE do
        local size = sizes[(number - 1) % #sizes + 1]
        local body = read_file(folder .. "/" .. name(1, size))
        requests.hit[number] = wrk.format("GET", path(1, size))
        requests.miss[number] = wrk.format("GET", path(2, number))
        requests.put[number] = wrk.format("PUT", path(3, number), put_headers, body)
    end
end

local function prepare_order(shares)
    for position, kind in ipairs(KINDS) do
        for _ = 1, shares[position] * REPETITIONS do
            order[#order + 1] = kind
        end
    end
    math.randomseed(1)
    for position = #order, 2, -1 do
        local other = math.random(position)
        order[position], order[other] = order[other], order[position]
    end
end

local threads = {}

function setup(thread)
    threads[#threads + 1] = thread
end

function init(arguments)
    seconds = tonumber(arguments[1])
    for size in arguments[4]:gmatch("%d+") do
        sizes[#sizes + 1] = tonumber(size)
        is_a_size[tonumber(size)] = true
    end
    prepare_requests(arguments[2], arguments[3])
    prepare_order({ tonumber(arguments[5]), tonumber(arguments[6]), tonumber(arguments[7]) })
end

local function is_over()
    return now() - began >= seconds
end

local function end_when_all_is_answered()
    if answered == permitted and is_over() then
        counters.microseconds_loaded = (now() - began) * 1e6
        -- Ends the main thread's sleep.
        ffi.C.kill(ffi.C.getpid(), SIGINT)
    end
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

function request()
    -- wrk looks at one before it begins.
    if not began then
        return requests.hit[1]
    end
    local kind = order[(counters.asked_hit + counters.asked_miss + counters.asked_put) % #order + 1]
    local counter = "asked_" .. kind
    local turn = counters[counter]
    counters[counter] = turn + 1
    return requests[kind][turn % #requests[kind] + 1]
end

function response(status, _, body)
    local kind = "otherwise"
    if status == 404 then
        kind = "miss"
    elseif status == 200 and is_a_size[#body] then
        kind = "hit"
    elseif status >= 200 and status < 300 and #body < 1024 then
        kind = "put"
    elseif counters.answered_otherwise == 0 then
        counters.first_surprise = string.format("status %d with %d bytes", status, #body)
    end
    local counter = "answered_" .. kind
    counters[counter] = counters[counter] + 1
    answered = answered + 1
    end_when_all_is_answered()
end

function more_fields()
    local fields = {}
    for counter, value in pairs(threads[1]:get("counters")) do
        local form = type(value) == "number" and ',"%s":%d' or ',"%s":"%s"'
        fields[#fields + 1] = string.format(form, counter, value)
    end
    return table.concat(fields)
end
