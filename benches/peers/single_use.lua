-- Requests about single-use links, with every answer looked at. The arguments: seconds, a method,
-- a file with what follows the path, one in a line, whether each line may be asked for "once" or
-- "again", the status that is right, the length that is right ("-": any), and for orders the body
-- of each, a file for the tokens that are made, and how many those may be.
dofile("timed.lua")

local lines, before, after = {}, "", ""
local asked, is_once, made_max = 0, false, math.huge
local right_status, right_length, tokens

counters.answered_right, counters.answered_otherwise = 0, 0

function init(arguments)
    lasts(tonumber(arguments[1]))
    for line in io.lines(arguments[3]) do
        lines[#lines + 1] = line
    end
    is_once = arguments[4] == "once"
    right_status, right_length = tonumber(arguments[5]), tonumber(arguments[6])
    if arguments[7] then
        tokens = assert(io.open(arguments[8], "w"))
        made_max = tonumber(arguments[9])
    end
    -- Everything but the line is the same for all of them.
    local form = wrk.format(arguments[2], wrk.path .. "@LINE@", nil, arguments[7])
    local first, last = form:find("@LINE@", 1, true)
    before, after = form:sub(1, first - 1), form:sub(last + 1)
end

function is_used_up(permitted)
    return permitted >= made_max or (is_once and permitted >= #lines)
end

function request()
    local line = lines[asked % #lines + 1]
    if has_begun() then
        asked = asked + 1
    end
    return before .. line .. after
end

function response(status, _, body)
    if status == right_status and (not right_length or #body == right_length) then
        counters.answered_right = counters.answered_right + 1
        if tokens then
            tokens:write(body:match('"token":"([^"]+)"'), "\n")
        end
    else
        counters.answered_otherwise = counters.answered_otherwise + 1
        if counters.first_surprise == "" then
            counters.first_surprise = string.format("status %d with %d bytes", status, #body)
        end
    end
    is_answered()
end

function at_end()
    if tokens then
        tokens:close()
    end
end
