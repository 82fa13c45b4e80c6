package io.raydp.exchange

import org.scalatest.funsuite.AnyFunSuite

class DataExceptionSuite extends AnyFunSuite {

  private def ofData(message: String): Option[String] =
    DataException.of(new ExchangeException(ExchangeErrorCode.REMOTE_FAILED, message)).map(_.getMessage)

  test("every error of raydp in an agent is about the data, except an ExchangeError") {
    assert(ofData("the exchange agent reports: DataLossError: 1 ns\nmore").contains("DataLossError: 1 ns\nmore"))
    assert(ofData("the exchange agent reports: SomeNewError: it").contains("SomeNewError: it"))
    assert(ofData("the exchange agent reports: ExchangeError: the Dataset is gone").isEmpty)
    assert(ofData("the exchange agent reports: A block could not be read: OSError: disk").isEmpty)
    assert(ofData("DataLossError: 1 ns").isEmpty)
  }
}
