package io.raydp.lifecycle

import org.scalatest.funsuite.AnyFunSuite

final class MasterUrlSuite extends AnyFunSuite {
  private def refusal(url: String): String = {
    val error = intercept[RayApplicationException](MasterUrl.address(url))
    assert(error.kind == "invalid_configuration")
    error.getMessage
  }

  test("only URLs that begin with ray are ours") {
    assert(Seq("ray", "ray:head:6379", "ray://head:10001").forall(MasterUrl.isOurs))
    assert(!Seq("local[2]", "yarn", "spark://h:7077", "k8s://x", "rayon", "").exists(MasterUrl.isOurs))
  }

  test("an address is taken from the URL") {
    assert(MasterUrl.address("ray:10.0.0.1:6379") == "10.0.0.1:6379")
    assert(MasterUrl.address("ray:[::1]:6379") == "[::1]:6379")
  }

  test("without an address the property names the cluster") {
    System.setProperty("ray.address", " 10.0.0.9:6379 ")
    try assert(MasterUrl.address("ray") == "10.0.0.9:6379")
    finally System.clearProperty("ray.address")
  }

  test("Ray Client's scheme is explained") {
    assert(refusal("ray://head:10001").contains("Ray Client"))
  }

  test("malformed URLs are refused with their text") {
    Seq("ray:", "ray:head", "ray:head:port", "ray:head:70000", "ray: head:1").foreach { url =>
      assert(refusal(url).endsWith(s"Master: $url"))
    }
  }
}
