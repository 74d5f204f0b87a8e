-- Posts the file that is named after `--`.
function init(arguments)
   local file = assert(io.open(arguments[1], "rb"))
   wrk.method = "POST"
   wrk.body = file:read("*a")
   wrk.headers["content-type"] = "application/json"
   file:close()
end
