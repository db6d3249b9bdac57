-- Transfers at a set rate, for wrk. A request says in its reference when it left, and the answer repeats that: wrk does not tell a script which connection an answer came on.
-- RATE is requests a second; after STOP seconds nobody sends any more, so that every answer is in before wrk ends. Prints numbers for the test that started it.
local ffi = require("ffi")
ffi.cdef("typedef struct { long s, ns; } instant; int clock_gettime(int clock, instant *at);")
local at = ffi.new("instant")

local function now()
  ffi.C.clock_gettime(1, at)
  return tonumber(at.s) * 1e6 + tonumber(at.ns) / 1e3
end

local thread
function setup(t) thread = t end

function init()
  rate, stop, accounts = tonumber(os.getenv("RATE")), now() + tonumber(os.getenv("STOP")) * 1e6, tonumber(os.getenv("ACCOUNTS"))
  head = "POST /transfers HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port .. "\r\nAuthorization: Bearer " .. os.getenv("KEY")
    .. "\r\nContent-Type: application/json\r\nIdempotency-Key: " .. os.getenv("NAME") .. "-"
  -- wrk makes one request only to look at it.
  slot, sent, refused, faults, fault, accepted = now(), -1, 0, 0, "", {}
end

-- The next free slot of all connections together; who is late takes the present one, so that a pause is not made up for.
function delay()
  local t = now()
  slot = math.max(slot + 1e6 / rate, t)
  if slot > stop then return 3600000 end
  return math.floor((slot - t) / 1e3 + math.random())
end

-- Put together by hand: wrk.format takes as long as all the rest, and what wrk takes the backend does not have.
function request()
  sent = sent + 1
  local from = math.random(1, accounts)
  local body = string.format('{"from":"%d","to":"%d","amount":"1","reference":"@%.0f"}', from, from % accounts + 1, now())
  return head .. sent .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
end

function response(status, headers, body)
  if status == 201 then
    accepted[#accepted + 1] = now() - tonumber(body:match('"@(%d+)"'))
  elseif (status == 503 or status == 429) and headers["Retry-After"] and headers["Content-Type"] == "application/problem+json" and body:find('"outcome":"none"', 1, true) then
    refused = refused + 1
  else
    faults, fault = faults + 1, status .. " " .. body
  end
end

function done(summary, latency)
  local times = thread:get("accepted")
  table.sort(times)
  local function part(p) return (times[math.ceil(#times * p)] or 0) / 1e3 end
  local errors = summary.errors
  print(string.format("load: %d %d %d %d %d %.3f %.3f %.3f %s", thread:get("sent"), #times, thread:get("refused"), thread:get("faults"),
    errors.connect + errors.read + errors.write + errors.timeout, part(0.5), part(0.99), latency:percentile(50) / 1e3, thread:get("fault")))
end
