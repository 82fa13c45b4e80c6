// An application of submission/test_submission.py.
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.SparkSession;

public class Sums {
  public static class Twice implements MapFunction<Long, Long> {
    public Long call(Long value) { return 2 * value; }
  }

  public static void main(String[] args) throws Exception {
    SparkSession spark = SparkSession.builder().getOrCreate();
    long sum = spark.range(1000).map(new Twice(), Encoders.LONG()).reduce(
        (org.apache.spark.api.java.function.ReduceFunction<Long>) Long::sum);
    System.out.println(sum + " " + spark.conf().get("spark.master").startsWith("ray:") + " "
        + spark.sparkContext().appName() + " " + String.join(",", args)
        + " " + spark.sparkContext().getConf().get("spark.authenticate"));
    if (args[0].equals("wait")) Thread.sleep(600000);
    if (args[0].equals("fail")) throw new IllegalStateException("as asked");
    if (args[0].equals("exit")) System.exit(9);
  }
}
