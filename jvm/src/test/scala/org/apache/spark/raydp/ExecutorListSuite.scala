package org.apache.spark.raydp

import org.scalatest.funsuite.AnyFunSuite

final class ExecutorListSuite extends AnyFunSuite {

  test("an executor has a host, also before its block manager has registered with a port") {
    assert(ExecutorList.hostOf("host:4711") === "host")
    assert(ExecutorList.hostOf("host") === "host")
    assert(ExecutorList.hostOf("192.0.2.7:80") === "192.0.2.7")
    assert(ExecutorList.hostOf("[2001:db8::1]:80") === "[2001:db8::1]")
    assert(ExecutorList.hostOf("[2001:db8::1]") === "[2001:db8::1]")
  }
}
