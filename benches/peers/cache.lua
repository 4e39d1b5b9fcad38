-- What builds ask of their cache: hits, misses and puts, in an order that is the same every time,
-- with every answer looked at. The arguments: seconds, the folder of the objects, the query of every
-- request, the sizes of objects with commas between them, and how many hits, misses and puts follow
-- each other in some order before it begins again.
dofile("timed.lua")

local KINDS = { "hit", "miss", "put" }
-- So many that no two puts of one name are under way together.
local NAMES_OF_A_SIZE = 16
local REPETITIONS = 100

local requests = { hit = {}, miss = {}, put = {} }
local order = {}
local sizes, is_a_size = {}, {}
for _, counter in ipairs({
    "asked_hit", "asked_miss", "asked_put",
    "answered_hit", "answered_miss", "answered_put", "answered_otherwise",
}) do
    counters[counter] = 0
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

function init(arguments)
    lasts(tonumber(arguments[1]))
    for size in arguments[4]:gmatch("%d+") do
        sizes[#sizes + 1] = tonumber(size)
        is_a_size[tonumber(size)] = true
    end
    prepare_requests(arguments[2], arguments[3])
    prepare_order({ tonumber(arguments[5]), tonumber(arguments[6]), tonumber(arguments[7]) })
end

function request()
    if not has_begun() then
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
    is_answered()
end
