#!/usr/bin/env sysbench
-- One event is one session, as PHP has them: connect, three selects by primary key, quit.

sysbench.cmdline.options = {
   tables = {"Number of tables", 1},
   table_size = {"Rows of each", 10000},
   prepared = {"Prepare a statement once a session instead of sending text", false}
}

local QUERIES = 3
local driver

function thread_init()
   driver = sysbench.sql.driver()
end

function event()
   local connection = driver:connect()
   local from = "SELECT c FROM sbtest" .. sysbench.rand.uniform(1, sysbench.opt.tables) .. " WHERE id="
   if sysbench.opt.prepared then
      local statement = connection:prepare(from .. "?")
      local id = statement:bind_create(sysbench.sql.type.INT)
      statement:bind_param(id)
      for _ = 1, QUERIES do
         id:set(sysbench.rand.uniform(1, sysbench.opt.table_size))
         statement:execute()
      end
      statement:close()
   else
      for _ = 1, QUERIES do
         connection:query(from .. sysbench.rand.uniform(1, sysbench.opt.table_size))
      end
   end
   connection:disconnect()
end
